"""Vessels that touch side by side, parted again where their common section has a waist."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm, voxel_to_world, voxels_of
from bundle.common.polylines import arc_length, at_length, smooth, tangents

from .skeleton import Skeleton

__all__ = ["part_kissing", "unparted"]

_WAIST = 0.7  # of the width on both sides of it
_OFF = 0.4  # most of the way between the two middles that the skeleton may be off the waist
_LONGEST_MM = 40.0
_EVERY = 3  # nodes of the skeleton between sections that are looked at for an unparted contact


@dataclass
class _Strand:
    """A vessel along a contact and a little on both sides: points (N, 3) RAS mm and radius (N,) mm."""

    points: np.ndarray
    radius: np.ndarray


def part_kissing(skeleton: Skeleton, mask: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Put a wall between vessels that run in one lumen for a stretch.

    A skeleton goes through such a stretch as one line with two arms at both of its ends. It is taken for two
    vessels where most of its sections have a waist, narrower than 70 % of both sides of it, which the round
    section of a trunk between two bifurcations has not. The middles of the two sides are the courses of the
    vessels; every voxel near them belongs to the one in whose lumen it lies deeper, and where voxels of both
    meet, those of the second become background.

    Args:
        skeleton: of `mask` (X, Y, Z) bool with a free border, pruned. affine: (4, 4) voxel to RAS mm.

    Returns:
        the mask with the walls, a voxel thick, and the lengths of the contacts, mm.
    """
    bridges = list(_bridges(skeleton))
    if not bridges:
        return mask, []
    voxels = voxels_of(mask)
    points = voxel_to_world(voxels, affine)
    sections = _Sections(points, float(voxel_size_mm(affine).mean()))
    side = np.zeros(mask.shape, np.int8)
    lengths, looked_at = [], []
    for path in bridges:
        strands = _strands(skeleton, path, sections)
        if strands is None:
            continue
        near = sections.near(skeleton.points[path], strands)
        deeper = _depth(strands[0], points[near]) > _depth(strands[1], points[near])
        side[tuple(voxels[near].T)] = np.where(deeper, 1, 2)
        looked_at.append(near)
        lengths.append(_length_mm(skeleton, path))
    if not lengths:
        return mask, []
    of_both = voxels[np.unique(np.concatenate(looked_at))]
    second = of_both[side[tuple(of_both.T)] == 2]
    beside = [side[tuple((second + step).T)] == 1 for step in np.subtract(list(np.ndindex(3, 3, 3)), 1)]
    parted = mask.copy()
    parted[tuple(second[np.any(beside, axis=0)].T)] = False
    return parted, lengths


def unparted(skeleton: Skeleton, mask: np.ndarray, affine: np.ndarray, least_mm: float = 12.0) -> list[float]:
    """Lengths, mm, of stretches away from junctions whose sections have a waist all along.

    There two vessels may run in one lumen with no arms beyond it to follow them by. Before a junction a waist
    is no wonder: children that leave at an acute angle lie side by side. In noisy phantoms without contacts
    the longest stretch was 10 mm.
    """
    sections = _Sections(voxel_to_world(voxels_of(mask), affine), float(voxel_size_mm(affine).mean()))
    lengths = []
    for start, degree in skeleton.graph.degree:
        for towards in skeleton.graph[start] if degree != 2 else ():
            path = skeleton.walk(start, towards)
            if start < path[-1] and _length_mm(skeleton, path) >= least_mm:
                lengths += _waisted(skeleton, path, sections, least_mm)
    return lengths


def _waisted(skeleton: Skeleton, path: list[int], sections: _Sections, least_mm: float) -> list[float]:
    line = smooth(skeleton.points[path], 2.0)
    at, direction = arc_length(line)[::_EVERY], tangents(line)[::_EVERY]
    reach = 5.0 * skeleton.radius[path] + 4 * sections.voxel
    spots = zip(line[::_EVERY], direction, reach[::_EVERY])
    waist = np.array([sections.middles(p, t, r) is not None for p, t, r in spots])
    edges = np.flatnonzero(np.diff(np.pad(waist.astype(int), 1)))
    lengths = []
    for first, last in zip(edges[::2], edges[1::2] - 1):
        at_junction = (first < 2 and skeleton.graph.degree[path[0]] > 2) or (
            last > len(waist) - 3 and skeleton.graph.degree[path[-1]] > 2
        )
        if not at_junction and at[last] - at[first] >= least_mm:
            lengths.append(float(at[last] - at[first]))
    return lengths


def _depth(strand: _Strand, points: np.ndarray) -> np.ndarray:
    """How deep points (N, 3) lie in the strand's lumen, (N,) mm, below 0 outside."""
    distance, nearest = cKDTree(strand.points).query(points)
    return strand.radius[nearest] - distance


def _bridges(skeleton: Skeleton) -> Iterator[list[int]]:
    """Paths between two junctions of three, each with two arms of its own."""
    for start, degree in skeleton.graph.degree:
        for towards in skeleton.graph[start] if degree == 3 else ():
            path = skeleton.walk(start, towards)
            last = path[-1]
            if start < last and skeleton.graph.degree[last] == 3 and _length_mm(skeleton, path) < _LONGEST_MM:
                yield path


def _length_mm(skeleton: Skeleton, path: list[int]) -> float:
    return float(arc_length(skeleton.points[path])[-1])


def _strands(skeleton: Skeleton, path: list[int], sections: _Sections) -> tuple[_Strand, _Strand] | None:
    """The two vessels of a contact; None where the path is one vessel."""
    ends = [_arms(skeleton, path, end) for end in (0, -1)]
    if min(len(arm) for arms in ends for arm in arms) < 4:
        return None
    reach = 2.0 * max(float(np.median(skeleton.radius[arm[-6:]])) for arms in ends for arm in arms)
    line = skeleton.points[path]
    line = smooth(line, 2.0) if len(line) > 4 else line
    middles = [sections.middles(p, t, 1.7 * reach) for p, t in zip(line, tangents(line))]
    found = [pair for pair in middles if pair is not None]
    if len(middles) < 4 or len(found) < 0.6 * len(middles):
        return None
    courses = list(accumulate(found, _matched))
    first = _in_order(courses[0], _trimmed(skeleton, ends[0], reach))
    second = _in_order(courses[-1], _trimmed(skeleton, ends[1], reach))
    strands = []
    for number in (0, 1):
        before, after = first[number], second[number]
        middle = np.array([pair[number] for pair in courses])
        points = np.concatenate([before.points[::-1], middle, after.points])
        width = np.full(len(middle), (before.radius.mean() + after.radius.mean()) / 2)
        radius = np.concatenate([before.radius[::-1], width, after.radius])
        along = arc_length(points)
        where = np.arange(0.0, along[-1], 0.2)
        strands.append(_Strand(at_length(points, points, where), at_length(points, radius, where)))
    return strands[0], strands[1]


def _arms(skeleton: Skeleton, path: list[int], end: int) -> list[list[int]]:
    """The two ways on from an end (0 or -1) of a bridge."""
    node, before = (path[0], path[1]) if end == 0 else (path[-1], path[-2])
    return [skeleton.walk(node, n) for n in skeleton.graph[node] if n != before]


def _trimmed(skeleton: Skeleton, arms: list[list[int]], reach: float) -> list[_Strand]:
    """The arms of an end without the part that still lies in the common lumen, and not much further."""
    found = []
    for arm in arms:
        along = arc_length(skeleton.points[arm])
        own = np.asarray(arm)[(along > min(0.75 * reach, 0.5 * along[-1])) & (along < 4.0 * reach)]
        found.append(_Strand(skeleton.points[own], skeleton.radius[own]))
    return found


def _matched(before, pair):
    """The pair of points, in the order in which it goes on from the pair before."""
    straight = np.linalg.norm(before[0] - pair[0]) + np.linalg.norm(before[1] - pair[1])
    crossed = np.linalg.norm(before[0] - pair[1]) + np.linalg.norm(before[1] - pair[0])
    return pair if straight <= crossed else (pair[1], pair[0])


def _in_order(pair, arms: list[_Strand]) -> list[_Strand]:
    starts = (arms[0].points[0], arms[1].points[0])
    return arms if _matched(pair, starts) is starts else arms[::-1]


class _Sections:
    """Cross-sections of the lumen as its voxels in thin slabs."""

    def __init__(self, points: np.ndarray, voxel_mm: float):
        self.points = points
        self.tree = cKDTree(points)
        self.voxel = voxel_mm

    def near(self, line: np.ndarray, strands: tuple[_Strand, _Strand]) -> np.ndarray:
        """Voxels (by number) of the two vessels along a line (N, 3) and a little beyond its ends."""
        reach = 3.0 * max(float(s.radius.max()) for s in strands) + 2 * self.voxel
        return np.flatnonzero(cKDTree(line).query(self.points, distance_upper_bound=reach)[0] < reach)

    def middles(self, center, normal, reach: float) -> tuple[np.ndarray, np.ndarray] | None:
        """The middles of both sides of the waist of the section through a point; None where it has none.

        The section's width is counted in strips across its longest axis. The skeleton of two vessels runs
        near the waist; beside a vessel that it runs in, there is a side branch.
        """
        away = self.points[self.tree.query_ball_point(center, reach)] - center
        away = away[np.abs(away @ normal) <= 0.75 * self.voxel]
        if len(away) < 8:
            return None
        away = away - np.outer(away @ normal, normal)
        off = away - away.mean(axis=0)
        axis = np.linalg.eigh(off.T @ off)[1][:, -1]
        along = away @ axis
        edges = np.arange(along.min(), along.max() + self.voxel, self.voxel)
        if len(edges) < 5:
            return None
        # As np.histogram, in a third of the time.
        below = np.searchsorted(np.sort(along), edges)
        width = np.diff(below)
        left, right = np.maximum.accumulate(width), np.maximum.accumulate(width[::-1])[::-1]
        depth = width / np.maximum(np.minimum(left, right), 1)
        depth[[0, -1]] = 1.0  # an end is no waist, nor is the empty bin that the last edge may leave
        thin = int(np.argmin(depth))
        if depth[thin] > _WAIST:
            return None
        waist = (edges[thin] + edges[thin + 1]) / 2
        first, second = away[along < waist].mean(axis=0), away[along >= waist].mean(axis=0)
        if abs(waist) > _OFF * np.linalg.norm(second - first):
            return None
        return center + first, center + second
