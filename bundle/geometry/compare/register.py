"""Two trees of one person laid on each other: rigidly, then bent, then place by place along each branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bundle.geometry.core import Branch

from .along import Course, Mark, fits, follow
from .bend import Bend
from .lines import STEP_MM, Line, lines_of, takeoff_mm
from .match import match_lines
from .rigid import apply_rigid, fit_rigid, rigid_from_pairs

__all__ = ["Pair", "Registration", "register_trees"]

# How far apart two places of one vessel may lie, and how stiff the bend is, from round to round.
_ROUNDS = ((8.0, 30.0), (5.0, 10.0), (3.0, 5.0), (2.0, 2.0), (1.5, 2.0), (1.0, 2.0))
_KNOTS = 8  # samples between two places that the bend is fitted to: 4 mm
_LEAST_LEFT_MM = 6.0  # of what is left of both, to be looked at once more
_LOOKS = 3
_LEAST_COMMON = 0.4  # of the shorter tree, that both have to have in common
_MOST_BENT_MM = 20.0  # a beating heart moves its arteries less, once it is turned back

Move = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Pair:
    """A stretch that both scans show: branch indices in the first and the second, and the places along it.

    marks: bifurcations of both within it.
    """

    first: int
    second: int
    course: Course
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Registration:
    """How the first tree lies in the second.

    rigid: (4, 4), RAS mm of the first scan to those of the second. move: points (N, 3) RAS mm of the first
    to (N, 3) of the second, rigidly and bent. pairs: the stretches that both show.
    """

    rigid: np.ndarray
    move: Move
    pairs: list[Pair]


def _marks(
    branches: tuple[Sequence[Branch], Sequence[Branch]], matched: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], list[Mark]]:
    """By pair of branches, where matched side branches leave their parents, and begin."""
    found: dict[tuple[int, int], list[Mark]] = {}
    for i, j in matched:
        parents = branches[0][i].parent, branches[1][j].parent
        if parents in matched:
            found.setdefault(parents, []).append((takeoff_mm(branches[0], i), takeoff_mm(branches[1], j)))
            found.setdefault((i, j), []).append((0.0, 0.0))
    return found


def _left(lines: Sequence[Line], taken: Sequence[tuple[int, float, float]]) -> list[Line]:
    """The stretches of lines that none of `taken` (branch, from, to in mm) covers."""
    rest = []
    for line in lines:
        free = np.ones(len(line.along), bool)
        for branch, low, high in taken:
            if branch == line.branch:
                free &= (line.along < low) | (line.along > high)
        starts = np.flatnonzero(free & ~np.r_[False, free[:-1]])
        for start in starts:
            stop = start + int(np.argmin(np.r_[free[start:], False]))
            if (stop - start) * STEP_MM >= _LEAST_LEFT_MM:
                rest.append(line.part(np.arange(start, stop)))
    return rest


def _paired(
    lines: tuple[Sequence[Line], Sequence[Line]],
    branches: tuple[Sequence[Branch], Sequence[Branch]],
    reach_mm: float,
) -> list[Pair]:
    """What lines have in common, the first's being moved.

    What is left of both is looked at again: where a vessel is in pieces in one scan, or the LAD of one goes
    on as the other's diagonal.
    """
    pairs: list[Pair] = []
    rest = lines
    for _ in range(_LOOKS):
        chosen = match_lines(rest, branches, reach_mm)
        matched = [(rest[0][i].branch, rest[1][j].branch) for i, j in chosen]
        marks = _marks(branches, matched + [(p.first, p.second) for p in pairs])
        fresh = []
        for i, j in chosen:
            first, second = rest[0][i], rest[1][j]
            known = marks.get((first.branch, second.branch), ())
            course = follow(first, second, known, reach_mm)
            if course is not None:
                known = tuple(mark for mark in known if fits(course, mark))
                fresh.append(Pair(first.branch, second.branch, course, known))
        pairs += fresh
        rest = (
            _left(lines[0], [(p.first, p.course.along[0], p.course.along[-1]) for p in pairs]),
            _left(lines[1], [(p.second, p.course.there[0], p.course.there[-1]) for p in pairs]),
        )
        if not (fresh and all(rest)):
            break
    return pairs


def _ends(lines: tuple[dict[int, Line], dict[int, Line]], pairs: Sequence[Pair], every: int = 1):
    """The places of pairs in the first and in the second, (N, 3) each."""
    first = [lines[0][p.first].at(p.course.along[::every]) for p in pairs]
    second = [lines[1][p.second].at(p.course.there[::every]) for p in pairs]
    return np.concatenate(first), np.concatenate(second)


def _refit(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The rigid matrix of pairs of places, those that the bend moves far counting for less."""
    matrix = rigid_from_pairs(first, second)
    for _ in range(5):
        off = np.linalg.norm(apply_rigid(matrix, first) - second, axis=1)
        matrix = rigid_from_pairs(first, second, 1 / np.maximum(off, max(np.median(off), 1e-3)))
    return matrix


def _bent(
    rigid: np.ndarray, lines: tuple[dict[int, Line], dict[int, Line]], pairs: Sequence[Pair], stiff: float
) -> Move:
    """The rigid matrix with a `Bend` over it that takes all that is paired to its place."""
    first, second = _ends(lines, pairs, _KNOTS)
    direction = np.concatenate([lines[1][p.second].toward(p.course.there[::_KNOTS]) for p in pairs])
    marks = [(p, mark) for p in pairs for mark in p.marks]
    if marks:
        here, there = (
            np.concatenate([lines[k][(p.first, p.second)[k]].at(np.array([mark[k]])) for p, mark in marks])
            for k in (0, 1)
        )
        first, second = np.concatenate([first, here]), np.concatenate([second, there])
        direction = np.concatenate([direction, np.zeros_like(here)])
    bend = Bend(apply_rigid(rigid, first), second, direction, stiff)
    return lambda points: bend(apply_rigid(rigid, points))


def register_trees(first: Sequence[Branch], second: Sequence[Branch]) -> Registration:
    """Lay the tree of one scan on that of another of the same person.

    Orientation and place may differ by some 30 degrees and 40 mm, the heart may be bent by some 10 mm, and
    branches may be missing, longer, or called otherwise in one of them.

    Args:
        first: branches, RAS mm, as `read_branches` gives them.
        second: likewise.

    Raises:
        ValueError: a tree without a branch of 3 mm, or trees that have too little in common or fit only if
            bent by more than 20 mm.

    Example:
        >>> found = register_trees(tree.branches, tree.branches)
        >>> bool(np.allclose(found.rigid, np.eye(4), atol=1e-3))
        True
    """
    branches = (first, second)
    lines = (lines_of(first), lines_of(second))
    for which, own in zip(("first", "second"), lines):
        if not own:
            raise ValueError(f"the {which} scan shows no vessel of at least 3 mm")
    by_branch = tuple({line.branch: line for line in own} for own in lines)
    rigid = fit_rigid(branches, lines)

    def move(points: np.ndarray) -> np.ndarray:
        return apply_rigid(rigid, points)

    pairs: list[Pair] = []
    for reach_mm, stiff in _ROUNDS:
        moved = [line.moved(move(line.points)) for line in lines[0]]
        pairs = _paired((moved, lines[1]), branches, reach_mm)
        common = sum(pair.course.length_mm for pair in pairs)
        if common < _LEAST_COMMON * min(sum(line.length_mm for line in own) for own in lines):
            raise ValueError(
                f"the two trees have {common:.0f} mm of vessel in common, too little to be one person's"
            )
        rigid = _refit(*_ends(by_branch, pairs, 2))
        move = _bent(rigid, by_branch, pairs, stiff)
    points = np.concatenate([line.points for line in lines[0]])
    bent_mm = np.percentile(np.linalg.norm(move(points) - apply_rigid(rigid, points), axis=1), 95)
    if bent_mm > _MOST_BENT_MM:
        raise ValueError(
            f"one heart would have to be bent by {bent_mm:.0f} mm to be the other; they are not of one "
            "person, or one of them is mirrored"
        )
    return Registration(rigid, move, sorted(pairs, key=lambda p: (p.first, p.course.along[0])))
