"""The turn and the shift that lay one tree on another, from any start within some 30 degrees and 40 mm.

Iterated closest points (Besl and McKay, IEEE TPAMI 1992) both ways, on place and direction together, with
Tukey's weights so that what one tree lacks does not pull; from many starts, of which the best end counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from bundle.geometry.core import Branch

from .lines import Line

__all__ = ["apply_rigid", "fit_rigid", "rigid_from_pairs"]

_SPARSE = 6  # samples: 3 mm
_DIRECTION_MM = 5.0  # what a direction counts beside a place: 60 degrees are as bad as 5 mm
_TURNS_DEG = (-25.0, 0.0, 25.0)
_REACH_MM = 10.0  # beyond it two places have nothing to do with each other
_GOOD = 0.3  # score with which no further start is tried
_COARSE, _FINE, _BEST = 8, 40, 6  # steps from every start, steps of the best ones, how many those are


def apply_rigid(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) through a (4, 4) matrix."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def rigid_from_pairs(first: np.ndarray, second: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The (4, 4) rigid matrix that best takes `first` (N, 3) to `second` (N, 3) (Kabsch, 1976)."""
    weights = np.ones(len(first)) if weights is None else weights
    middle, onto = (np.average(points, axis=0, weights=weights) for points in (first, second))
    turn = Rotation.align_vectors(second - onto, first - middle, weights=weights)[0].as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, onto - turn @ middle
    return matrix


class _Cloud:
    """Sparse places and directions of lines, with the search tree over both."""

    def __init__(self, lines: Sequence[Line]):
        self.points = np.concatenate([line.points[::_SPARSE] for line in lines])
        self.direction = np.concatenate([line.direction[::_SPARSE] for line in lines])
        self.search = cKDTree(np.hstack([self.points, _DIRECTION_MM * self.direction]))

    def nearest(self, points: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.search.query(np.hstack([points, _DIRECTION_MM * direction]))


def _closest(first: _Cloud, second: _Cloud, matrix: np.ndarray):
    """Pairs of places both ways, with their distances in place and direction (N,)."""
    turn = matrix[:3, :3]
    there, at = second.nearest(apply_rigid(matrix, first.points), first.direction @ turn.T)
    back = (second.points - matrix[:3, 3]) @ turn
    here, come = first.nearest(back, second.direction @ turn)
    pairs = np.vstack([first.points, first.points[come]]), np.vstack([second.points[at], second.points])
    return *pairs, np.concatenate([there, here])


def _refined(first: _Cloud, second: _Cloud, matrix: np.ndarray, steps: int) -> tuple[float, np.ndarray]:
    """The score (0 best, 1 worst) after so many steps, and the matrix."""
    for step in range(steps):
        a, b, distance = _closest(first, second, matrix)
        reach = max(_REACH_MM, 40.0 * 0.8**step)
        weights = np.clip(1 - (distance / reach) ** 2, 0, None) ** 2
        if weights.sum() < 3:
            break
        fresh = rigid_from_pairs(a, b, weights)
        if np.abs(fresh - matrix).max() < 1e-7:
            break
        matrix = fresh
    distance = _closest(first, second, matrix)[2]
    return float(np.minimum(distance / _REACH_MM, 1).mean()), matrix


def _start_from_names(first: Sequence[Branch], second: Sequence[Branch]) -> list[np.ndarray]:
    """The rigid matrix that names alone give: of each name that both have once, as many mm as both have."""

    def named(branches: Sequence[Branch]) -> dict[str, Branch]:
        names = [branch.name for branch in branches]
        return {b.name: b for b in branches if b.name != "unknown" and names.count(b.name) == 1}

    own, other = named(first), named(second)
    pairs = []
    for name in sorted(own.keys() & other.keys()):
        along = np.arange(0, min(own[name].length_mm, other[name].length_mm), 2.0)
        ends = [
            np.stack([np.interp(along, b.along_mm, axis) for axis in b.points.T], axis=1)
            for b in (own[name], other[name])
        ]
        pairs.append(ends)
    if len(pairs) < 2:
        return []
    return [rigid_from_pairs(*(np.concatenate(ends) for ends in zip(*pairs)))]


def fit_rigid(
    branches: tuple[Sequence[Branch], Sequence[Branch]], lines: tuple[Sequence[Line], Sequence[Line]]
) -> np.ndarray:
    """The (4, 4) rigid matrix, RAS mm, that takes the first tree to the second.

    Args:
        branches: of both scans, for their names.
        lines: of both scans, see `lines_of`; not empty.
    """
    first, second = (_Cloud(own) for own in lines)
    starts = [np.eye(4), *_start_from_names(*branches)]
    score, matrix = min((_refined(first, second, start, _FINE) for start in starts), key=lambda end: end[0])
    if score <= _GOOD:
        return matrix
    middles = []
    for own, cloud in zip(lines, (first, second)):
        numbers = {line.branch: line for line in own}
        trees = {branches[len(middles)][number].tree for number in numbers}
        parts = [
            np.concatenate([x.points for k, x in numbers.items() if branches[len(middles)][k].tree == t])
            for t in sorted(trees)
        ]
        parts = [part for part in parts if len(part) * 0.5 > 30]  # long enough to be a tree of its own
        middles.append([cloud.points.mean(axis=0), *(part.mean(axis=0) for part in parts[:3])])
    turns = [
        Rotation.from_euler("xyz", angles, degrees=True) for angles in itertools.product(_TURNS_DEG, repeat=3)
    ]
    for turn, (here, there) in itertools.product(turns, itertools.product(*middles)):
        if np.linalg.norm(there - here) > 120:
            continue
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = turn.as_matrix(), there - turn.as_matrix() @ here
        starts.append(matrix)
    ends = sorted((_refined(first, second, start, _COARSE) for start in starts), key=lambda end: end[0])
    ends = [_refined(first, second, matrix, _FINE) for _, matrix in ends[:_BEST]]
    return min(ends, key=lambda end: end[0])[1]
