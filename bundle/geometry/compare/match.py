"""Which branch is which: all at once, by place, direction and name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from bundle.geometry.core import Branch

from .lines import STEP_MM, Line

__all__ = ["match_lines"]

_SAME_NAME, _OTHER_NAME = 1.5, 0.7  # what agreeing and disagreeing names make of the common length
_LEAST_MM, _LEAST_PART = 3.0, 0.25  # of the shorter line, that has to lie on the other
_ACROSS = 0.5  # cosine of the angle from which two lines only cross


def _covered(line: Line, other: cKDTree, direction: np.ndarray, reach_mm: float) -> np.ndarray:
    """How well each point of a line lies on another, (N,) from 0 to 1."""
    distance, at = other.query(line.points)
    along = np.abs((line.direction * direction[at]).sum(axis=1)) >= _ACROSS
    return np.exp(-0.5 * (distance / reach_mm) ** 2) * along


def match_lines(
    lines: tuple[Sequence[Line], Sequence[Line]],
    branches: tuple[Sequence[Branch], Sequence[Branch]],
    reach_mm: float,
) -> list[tuple[int, int]]:
    """Pairs of lines, each line in one at most, so that the sum of the common lengths is largest.

    The length counts for more where both branches have one name, for less where they have two; an unknown
    name says nothing. The assignment is that of Crouse (IEEE TAES 2016), as SciPy has it.

    Args:
        lines: of both scans, the first's moved to the second.
        reach_mm: standard deviation of how far apart two places of one vessel may lie.

    Returns:
        Indices in the two lists.
    """
    search = [[cKDTree(line.points) for line in own] for own in lines]
    score = np.zeros([len(own) for own in lines])
    for i, first in enumerate(lines[0]):
        for j, second in enumerate(lines[1]):
            there = _covered(first, search[1][j], second.direction, reach_mm).sum() * STEP_MM
            here = _covered(second, search[0][i], first.direction, reach_mm).sum() * STEP_MM
            common, shorter = 0.5 * (there + here), min(first.length_mm, second.length_mm)
            if common < max(0.8 * _LEAST_MM, _LEAST_PART * shorter):
                continue
            names = branches[0][first.branch].name, branches[1][second.branch].name
            factor = 1.0 if "unknown" in names else _SAME_NAME if names[0] == names[1] else _OTHER_NAME
            score[i, j] = common * factor
    rows, columns = linear_sum_assignment(score, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns) if score[i, j] > 0]
