"""A tree cut in short stretches, each of which is to get one name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from bundle.common.polylines import arc_length, at_length, tangents
from bundle.geometry.core import Segment, Tree

from .labels import Stretches

__all__ = ["NO_LABEL", "Pieces", "cut", "reach_mm", "width"]

_STRETCH_MM = 3.5  # of vessel that has one label
_SAMPLE_MM = 2.0
_ALIKE_MM = 18.0  # over which the course of a vessel is one observation
_DIRECTED_MM = 40.0  # a smaller tree may begin at either end
NO_LABEL = 3.0  # cost of an observation that no name explains: about two and a half standard deviations
_STEM_MM = 7.0


@dataclass(frozen=True)
class Pieces:
    """The stretches of a tree, and points that stand for them.

    segment, tree, first, last, length_mm: (N,) of each stretch: its segment and tree, the range of the
        segment's points, their length.
    of: (M,) the stretch of each point. points, direction: (M, 3) RAS mm and unit. directed: (M,) bool,
        whether the sign of the direction is known. radius: (M,) mm. sample_mm: what a point stands for.
    step_mm: between the samples of the courses that it is compared with.
    """

    stretches: Stretches
    segment: np.ndarray
    tree: np.ndarray
    first: np.ndarray
    last: np.ndarray
    length_mm: np.ndarray
    of: np.ndarray
    points: np.ndarray
    direction: np.ndarray
    directed: np.ndarray
    radius: np.ndarray
    sample_mm: float = _SAMPLE_MM
    step_mm: float = 3.0

    @property
    def weight(self) -> float:
        """Independent observations that a point counts for."""
        return self.sample_mm / _ALIKE_MM

    def every(self, count: int) -> Pieces:
        """With one point in `count` alone, for a rough comparison."""
        names = ("of", "points", "direction", "directed", "radius")
        fewer = {name: getattr(self, name)[count // 2 :: count] for name in names}
        return replace(self, **fewer, sample_mm=self.sample_mm * count, step_mm=6.0)

    def cost(self, of_points: np.ndarray) -> np.ndarray:
        """(N, L + 1) of the stretches from (M, L) of the points."""
        all_labels = np.column_stack([of_points, np.full(len(of_points), NO_LABEL)])
        total = np.zeros((len(self.segment), all_labels.shape[1]))
        np.add.at(total, self.of, all_labels)
        return total * self.weight


def cut(tree: Tree) -> Pieces:
    """The stretches of a tree, about 3.5 mm each, and points every 2 mm on them."""
    total = np.bincount([s.tree for s in tree.segments], [s.length_mm for s in tree.segments])
    last_of: dict[int, int] = {}
    stretch, points = [], []
    for number, part in enumerate(tree.segments):
        along, both = part.along_mm, np.hstack([part.points, tangents(part.points)])
        cuts = np.linspace(0, along[-1], max(round(along[-1] / _STRETCH_MM), 1) + 1)
        index = np.unique(np.searchsorted(along, cuts).clip(0, len(along) - 1))
        wide = width(part)
        for first, last in pairwise(index if len(index) > 1 else np.array([0, len(along) - 1])):
            above = len(stretch) - 1 if first else last_of.get(part.parent, -1)
            count = max(round((along[last] - along[first]) / _SAMPLE_MM), 1)
            where = along[first] + (np.arange(count) + 0.5) * (along[last] - along[first]) / count
            at, heading = np.split(at_length(part.points, both, where), 2, axis=1)
            points.append((np.full(count, len(stretch)), at, heading, np.full(count, wide)))
            stretch.append((number, first, last, above))
        last_of[number] = len(stretch) - 1
    segment, first, last, parent = np.array(stretch, int).T
    of, at, heading, wide = (np.concatenate(values) for values in zip(*points))
    heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
    directed = np.array([total[s.tree] >= _DIRECTED_MM for s in tree.segments])[segment][of]
    onward, reach = np.zeros(len(stretch)), reach_mm(tree)
    for number in range(len(tree.segments)):
        below = tree.children(number)
        if len(below) > 1:
            starts = [int(np.flatnonzero(segment == child)[0]) for child in below]
            onward[starts] = _onward(tree, number, below, reach)
    stem = np.array([_is_stem(tree, number) for number in range(len(tree.segments))])[segment]
    along = [part.along_mm for part in tree.segments]
    length = np.array([along[n][[a, b]] @ [-1, 1] for n, a, b in zip(segment, first, last)])
    tree_of = np.array([s.tree for s in tree.segments])[segment]
    stretches = Stretches(parent, stem, onward)
    return Pieces(
        stretches, segment, tree_of, first, last, length, of, at, heading, directed, wide
    )  # fmt: skip


def width(part: Segment) -> float:
    """Median radius where neither a bifurcation nor a gap disturbs it, mm; of all where nothing is left."""
    return float(np.median(part.radius[part.free] if part.free.any() else part.radius))


def _is_stem(tree: Tree, number: int) -> bool:
    """Whether a segment is a few millimetres between the first bifurcation of its tree and the next one."""
    part = tree.segments[number]
    return (
        part.length_mm < _STEM_MM and part.parent >= 0 and tree.segments[part.parent].parent < 0
        and bool(tree.children(number))
    )  # fmt: skip


def _onward(tree: Tree, number: int, below: list[int], reach: np.ndarray) -> np.ndarray:
    """How much less each child looks like its parent's continuation than the one that does most, (C,)."""
    arrival = _heading(tree.segments[number].points[::-1], 0.0, 5.0) * -1
    value = []
    for child in below:
        part = tree.segments[child]
        straight = float(arrival @ _heading(part.points, 1.0, 8.0))
        value.append(1.5 * straight + 1.5 * np.log(width(part)) + 0.7 * np.log(reach[child] + 1.0))
    return max(value) - np.array(value)


def _heading(points: np.ndarray, first_mm: float, last_mm: float) -> np.ndarray:
    along = arc_length(points)
    ends = at_length(points, points, np.minimum([first_mm, last_mm], along[-1]))
    way = ends[1] - ends[0] if along[-1] > first_mm else points[-1] - points[0]
    return way / max(np.linalg.norm(way), 1e-9)


def reach_mm(tree: Tree) -> np.ndarray:
    """Longest way from the start of each segment to a tip, mm."""
    reach = np.zeros(len(tree.segments))
    for number in reversed(range(len(reach))):
        part = tree.segments[number]
        reach[number] += part.length_mm
        if part.parent >= 0:
            reach[part.parent] = max(reach[part.parent], reach[number])
    return reach
