"""Samples of the ways of an anatomy, beside which the points of a tree are held."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from bundle.common.polylines import arc_length, at_length, tangents

from .anatomy import LABELS, Anatomy
from .read import READ
from .steep import STEEP

__all__ = ["ANATOMIES", "Courses", "courses"]

ANATOMIES = (READ, STEEP)
STEP_MM = 3.0


@dataclass(frozen=True, eq=False)
class Courses:
    """Samples of the ways that the vessels take, in the heart's frame (mm).

    points, tangents: (K, 3), the latter of unit length and away from the ostium. first: (L,), where the
    samples of each of `LABELS` begin. spread_mm: (L,), how far a vessel of that name may lie from them.
    radius: (K,), the logarithm of the usual radius there, mm.
    """

    points: np.ndarray
    tangents: np.ndarray
    first: np.ndarray
    spread_mm: np.ndarray
    radius: np.ndarray


_SPREAD_MM = {"LM": 6.0, "LAD": 6.0, "RI": 7.0, "D": 7.0, "S": 7.0, "LCx": 7.0, "RCA": 7.0, "PDA": 7.0}


# Radius in mm at the start and the end of the courses.
_RADIUS_MM = {"LM": (2.1, 2.1), "LAD": (1.8, 0.8), "LCx": (1.6, 0.9), "RI": (1.1, 0.7), "D": (1.0, 0.7),
              "S": (0.65, 0.5), "OM": (1.05, 0.7), "RCA": (1.75, 1.25), "CB": (0.7, 0.5), "AM": (0.8, 0.6),
              "PDA": (1.1, 0.7), "PLV": (1.0, 0.7)}  # fmt: skip


@cache
def courses(anatomy: Anatomy, step_mm: float = STEP_MM) -> Courses:
    """The ways of `LABELS` on a heart."""
    points, directions, radius, first = [], [], [], [0]
    for label in LABELS:
        for line in anatomy.lines[label]:
            total = arc_length(line)[-1]
            fine = at_length(line, line, np.linspace(0, total, max(round(total / step_mm), 2) + 1))
            points.append(fine)
            directions.append(tangents(fine))
            radius.append(np.linspace(*np.log(_RADIUS_MM[label]), len(fine)))
        first.append(sum(map(len, points)))
    spread = np.array([_SPREAD_MM.get(label, 8.0) for label in LABELS])
    samples = (np.concatenate(values) for values in (points, directions, radius))
    points, directions, radius = samples
    return Courses(points, directions, np.array(first[:-1]), spread, radius)
