"""The rules of anatomy that hold for whole vessels, not for a stretch and the next."""

from __future__ import annotations

import numpy as np

from .anatomy import LABELS
from .labels import label_stretches, runs_of
from .stretches import Pieces

__all__ = ["consistent"]

_ONCE_A_TREE = ("LAD", "LCx", "PDA")
# In adults, by the wall that they run on: the septum, the outflow tract, the right ventricle.
_LONGEST_MM = {"S": 50.0, "CB": 70.0, "AM": 90.0}

Way = tuple[np.ndarray, int]
"""One way to mend a breach: the stretches (K,) that must not have a label."""


def consistent(pieces: Pieces, cost: np.ndarray) -> tuple[np.ndarray, float]:
    """`label_stretches` under the rules for whole vessels, and the cost then.

    One tree at most begins with a left main. A tree has one LAD, one LCx and one PDA. Septal, conus and
    acute marginal branches are no longer than the walls that they run on. Where the cheapest labels break
    one of these, the cheapest way to mend it is taken.

    Args:
        cost: (N, L + 1), as of `label_stretches`.
    """
    labels, total = label_stretches(pieces.stretches, cost)
    while ways := _left_mains(pieces, labels) or _twins(pieces, labels) or _too_long(pieces, labels):
        answers = []
        for stretches, label in ways:  # each bars a label where it was, so this comes to an end
            only = cost.copy()
            only[stretches, label] = np.inf
            answers.append((*label_stretches(pieces.stretches, only), only))
        labels, total, cost = min(answers, key=lambda answer: answer[1])
    return labels, total


def _left_mains(pieces: Pieces, labels: np.ndarray) -> list[Way]:
    """Ways to keep one of several trees with a left main."""
    main = LABELS.index("LM")
    return _one_of([np.flatnonzero(pieces.tree == t) for t in np.unique(pieces.tree[labels == main])], main)


def _twins(pieces: Pieces, labels: np.ndarray) -> list[Way]:
    """Ways to keep one of several vessels of a tree that have a name which it has once."""
    vessels: dict[tuple[int, int], list[np.ndarray]] = {}
    for run in runs_of(pieces.stretches, labels):
        if LABELS[label := int(labels[run[0]])] in _ONCE_A_TREE:
            vessels.setdefault((int(pieces.tree[run[0]]), label), []).append(np.array(run))
    return next((_one_of(own, label) for (_, label), own in vessels.items() if len(own) > 1), [])


def _one_of(places: list[np.ndarray], label: int) -> list[Way]:
    """Ways to leave a label at one alone of several places, (K,) stretches each; none where it has one."""
    if len(places) < 2:
        return []
    return [(np.concatenate([p for p in places if p is not kept]), label) for kept in places]


def _too_long(pieces: Pieces, labels: np.ndarray) -> list[Way]:
    """The way to call a branch otherwise that is longer than any of its name."""
    for run in runs_of(pieces.stretches, labels):
        label = int(labels[run[0]])
        if pieces.length_mm[run].sum() > _LONGEST_MM.get(LABELS[label], np.inf):
            return [(np.array(run), label)]
    return []
