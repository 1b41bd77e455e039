"""Which place of one branch is which of the other: a function of the distance along it, growing and smooth.

First the offset between both distances is found by dynamic programming, as the way through all offsets that
keeps both lines nearest to each other and changes least (Sakoe and Chiba, IEEE TASSP 1978, in the form of an
offset). Then each place is projected on the other line, and a smoothing spline of the offsets, which knows
the take-offs of side branches, gives fractions of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import make_smoothing_spline
from scipy.ndimage import label

from .lines import STEP_MM, Line

__all__ = ["Course", "Mark", "fits", "follow"]

_REACH_MM = 20.0  # how much earlier or later a branch may begin
_STEP_MM = 0.25  # of the offsets
_JUMP = 1  # offsets that one sample may move on by: a length may differ by a half, locally
_CHANGE = 1.5  # cost of a change of the offset by 1 mm
_TURN = 2.0  # cost of a direction across, per sample
_MARK_MM = 0.7  # how well a take-off is known
_STIFF_MM = 6.0  # the offset changes over about 2 pi times as much
_LEAST_MM = 3.0
_WRONG_MM = 3.0  # a take-off further away than this is another one, or found badly

Mark = tuple[float, float]
"""A place of one branch and the same of the other, mm along each: where a side branch leaves."""


@dataclass(frozen=True)
class Course:
    """A stretch of one line that is also in the other.

    along: (N,) mm along the first branch, every 0.5 mm. there: (N,) mm along the second one, growing.
    apart_mm: (N,) how far apart both places are, the first having been moved.
    """

    along: np.ndarray
    there: np.ndarray
    apart_mm: np.ndarray

    @property
    def length_mm(self) -> float:
        return float(self.along[-1] - self.along[0])


def _offsets(first: Line, second: Line, marks: Sequence[Mark], reach_mm: float) -> np.ndarray:
    """The offset along the second line at each point of the first, (N,) mm, by dynamic programming."""
    gaps = np.linalg.norm(first.points[:, None] - second.points[None], axis=2)
    turned = first.direction @ second.direction.T
    cheap = gaps + 5.0 * (1 - turned)
    near = np.argmin(cheap, axis=1)
    good = cheap[np.arange(len(near)), near] <= np.percentile(cheap.min(axis=1), 60)
    middle = float(np.median(second.along[near][good] - first.along[good]))
    offsets = middle + np.arange(-_REACH_MM, _REACH_MM + 1e-9, _STEP_MM)
    there = first.along[:, None] + offsets[None]
    column = np.rint((there - second.along[0]) / STEP_MM).astype(int)
    outside = (column < 0) | (column >= len(second.along))
    column = column.clip(0, len(second.along) - 1)
    place = np.arange(len(first.along))[:, None]
    beside = first.points[:, None] - second.at(there.ravel()).reshape(*there.shape, 3)
    cost = np.minimum(np.linalg.norm(beside, axis=2) / reach_mm, 1.5) ** 2 * 4
    cost += _TURN * (1 - turned[place, column])
    cost = np.where(outside, 9.0, np.minimum(cost, 9.0))
    for here, over in marks:
        if first.along[0] <= here <= first.along[-1]:
            row = int(np.argmin(np.abs(first.along - here)))
            cost[row] += np.minimum(((offsets - (over - here)) / (2 * _MARK_MM)) ** 2, 40.0)
    total, came = cost[0].copy(), np.zeros(cost.shape, int)
    moves = np.arange(-_JUMP, _JUMP + 1)
    for row in range(1, len(cost)):
        padded = np.pad(total, _JUMP, constant_values=np.inf)
        ways = np.stack([padded[_JUMP + m : _JUMP + m + len(total)] for m in moves])
        ways += _CHANGE * _STEP_MM * np.abs(moves)[:, None]
        best = np.argmin(ways, axis=0)
        came[row] = moves[best]
        total = ways[best, np.arange(len(total))] + cost[row]
    way = np.empty(len(cost), int)
    way[-1] = int(np.argmin(total))
    for row in range(len(cost) - 1, 0, -1):
        way[row - 1] = way[row] + came[row][way[row]]
    return offsets[way]


def _projected(points: np.ndarray, second: Line, there: np.ndarray) -> np.ndarray:
    """Where along the second line, near `there` (N,), each point (N, 3) is nearest to it, (N,) mm."""
    for _ in range(3):
        ahead = np.clip(there + 0.75, second.along[0], second.along[-1])
        behind = np.clip(there - 0.75, second.along[0], second.along[-1])
        chord = second.at(ahead) - second.at(behind)
        length = np.maximum(np.linalg.norm(chord, axis=1, keepdims=True), 1e-6)
        move = ((points - second.at(there)) * chord / length).sum(axis=1)
        there = np.clip(there + np.clip(move, -1.5, 1.5), second.along[0], second.along[-1])
    return there


def _longest(where: np.ndarray) -> np.ndarray:
    """The longest run of true in (N,) bool."""
    runs, count = label(where)
    if count == 0:
        return where
    return runs == 1 + int(np.argmax(np.bincount(runs.ravel())[1:]))


def fits(course: Course, mark: Mark) -> bool:
    """Whether a mark lies on a course, and not so far off that the two take-offs are not the same."""
    here, over = mark
    if not course.along[0] - 1.0 <= here <= course.along[-1] + 1.0:
        return False
    return abs(float(np.interp(here, course.along, course.there)) - over) <= _WRONG_MM


def follow(first: Line, second: Line, marks: Sequence[Mark] = (), reach_mm: float = 2.0) -> Course | None:
    """The course that a line, moved to where the other lies, has in common with it.

    Args:
        first: as it was moved.
        marks: places of both that are the same.
        reach_mm: how far apart both may be.

    Returns:
        None where less than 3 mm are common.
    """
    there = first.along + _offsets(first, second, marks, reach_mm)
    inside = (there > second.along[0] - 0.3) & (there < second.along[-1] + 0.3)
    apart = np.linalg.norm(first.points - second.at(there), axis=1)
    common = _longest(inside & (apart <= 2 * reach_mm))
    if common.sum() * STEP_MM < _LEAST_MM or common.sum() < 6:
        return None
    along = first.along[common]
    onto = _projected(first.points[common], second, there[common].clip(second.along[0], second.along[-1]))
    weights = np.ones(len(along))
    free = (onto > second.along[0] + 1e-6) & (onto < second.along[-1] - 1e-6)
    weights[~free] = 0.05  # projected on an end
    offset = onto - along
    for here, over in marks:
        row = int(np.argmin(np.abs(along - here)))
        if along[0] <= here <= along[-1] and abs(offset[row] - (over - here)) <= max(_WRONG_MM, reach_mm):
            pull = 1 / _MARK_MM**2 * 10
            offset[row] = (weights[row] * offset[row] + pull * (over - here)) / (weights[row] + pull)
            weights[row] += pull
    smooth = make_smoothing_spline(along, offset, weights, lam=_STIFF_MM**4 / STEP_MM)(along)
    there = np.maximum.accumulate(along + smooth)
    inside = _longest((there >= second.along[0] - 0.25) & (there <= second.along[-1] + 0.25))
    apart = np.linalg.norm(first.points[common] - second.at(there), axis=1)
    inside = _longest(inside & (apart <= 2 * reach_mm))
    if inside.sum() < 6 or np.median(apart[inside]) > reach_mm:
        return None
    there = there[inside].clip(second.along[0], second.along[-1])
    return Course(along[inside], there, apart[inside])
