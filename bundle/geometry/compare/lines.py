"""Branches as evenly spaced lines with directions: what the fit and the matching work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bundle.common.polylines import at_length, tangents
from bundle.geometry.core import Branch

__all__ = ["STEP_MM", "Line", "lines_of", "takeoff_mm"]

STEP_MM = 0.5
_LEAST_MM = 3.0
"""Shorter branches say nothing about where they belong."""


@dataclass(frozen=True)
class Line:
    """A branch, or a stretch of one, resampled every 0.5 mm.

    branch: its index. along: (N,) mm from the branch's beginning. points, direction: (N, 3), RAS mm and unit
    vectors.
    """

    branch: int
    along: np.ndarray
    points: np.ndarray
    direction: np.ndarray

    @property
    def length_mm(self) -> float:
        return float(self.along[-1] - self.along[0])

    def moved(self, points: np.ndarray) -> Line:
        """The same stretch with its points (N, 3) elsewhere."""
        return replace(self, points=points, direction=tangents(points))

    def at(self, along: np.ndarray) -> np.ndarray:
        """Points (M, 3) at distances (M,) from the branch's beginning; the ends beyond the stretch."""
        return np.stack([np.interp(along, self.along, axis) for axis in self.points.T], axis=1)

    def toward(self, along: np.ndarray) -> np.ndarray:
        """Unit directions (M, 3) at distances (M,)."""
        found = np.stack([np.interp(along, self.along, axis) for axis in self.direction.T], axis=1)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    def part(self, where: np.ndarray) -> Line:
        """The points where `where` (N,) is true; they have to follow each other."""
        return Line(self.branch, self.along[where], self.points[where], self.direction[where])


def lines_of(branches: Sequence[Branch]) -> list[Line]:
    """A line for each branch of at least 3 mm."""
    lines = []
    for number, branch in enumerate(branches):
        if branch.length_mm >= _LEAST_MM:
            along = np.linspace(0, branch.length_mm, round(branch.length_mm / STEP_MM) + 1)
            points = at_length(branch.points, branch.points, along)
            lines.append(Line(number, along, points, tangents(points)))
    return lines


def takeoff_mm(branches: Sequence[Branch], child: int) -> float:
    """Where along its parent a branch begins, mm from the parent's beginning; NaN for one at an ostium."""
    parent = branches[child].parent
    if parent < 0:
        return float("nan")
    line = branches[parent]
    distance = np.linalg.norm(line.points - branches[child].points[0], axis=1)
    return float(line.along_mm[np.argmin(distance)])
