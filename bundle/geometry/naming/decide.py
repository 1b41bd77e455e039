"""Where the heart lies and what its vessels are called: two questions with one answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bundle.geometry.core import Tree

from .courses import ANATOMIES, courses
from .heart import Fit, Heart, compare, fit_heart
from .labels import NONE
from .rules import consistent
from .stretches import NO_LABEL, Pieces

__all__ = ["Decision", "decide", "settled"]

_TRIED_DEGREES = 22.0  # by which the usual heart is turned for first guesses
_FEWER = 3  # points for these
_ROUGH_ROUNDS = 3  # without the rules
_SETTLED = 6  # of the first guesses, the best ones
_ROUNDS = 8  # of labels and the heart's place, each from the other


@dataclass(frozen=True)
class Decision:
    """labels: (N,) of the stretches. cost: of labels and heart together. of_stretches: (N, L + 1), the costs
    of the stretches on that heart.
    """

    labels: np.ndarray
    cost: float
    heart: Heart
    of_stretches: np.ndarray


def decide(tree: Tree, pieces: Pieces) -> list[Decision]:
    """Labels and the heart's place that fit best together, the best answer first.

    The others come from other first guesses about which tree begins at which ostium: where one of them is
    nearly as good and names a vessel otherwise, its name is not sure.
    """
    few = pieces.every(_FEWER) if len(pieces.of) > 4 * _FEWER else pieces
    first = []
    for hearts in _guesses(tree, pieces):
        rough = []
        for heart in hearts:
            for _ in range(_ROUGH_ROUNDS):
                fit = _fit(heart, few)
                heart = _moved(heart, few, fit, fit.cost.argmin(axis=1))
            cost = float(np.minimum(_fit(heart, few).cost.min(axis=1), NO_LABEL).sum())
            rough.append((cost * few.weight + heart.surprise, heart))
        first.append(min(rough, key=lambda guess: guess[0]))
    best = sorted(first, key=lambda guess: guess[0])[:_SETTLED]
    return sorted((settled(pieces, heart) for _, heart in best), key=lambda decision: decision.cost)


def settled(pieces: Pieces, heart: Heart) -> Decision:
    """The best of what labels and heart, each from the other, come to."""
    best: Decision | None = None
    for _ in range(_ROUNDS):
        fit = _fit(heart, pieces)
        cost = pieces.cost(fit.cost)
        labels, total = consistent(pieces, cost)
        total += heart.surprise
        if best is not None and total > best.cost - 0.05:
            break
        best = Decision(labels, total, heart, cost)
        heart = _moved(heart, pieces, fit, labels[pieces.of])
    return best


def _fit(heart: Heart, pieces: Pieces) -> Fit:
    ways = courses(heart.anatomy, pieces.step_mm)
    return compare(heart, ways, pieces.points, pieces.direction, pieces.directed, pieces.radius)


def _moved(heart: Heart, pieces: Pieces, fit: Fit, labels: np.ndarray) -> Heart:
    """The heart laid so that the points (M,) of each label come to its course."""
    named = np.flatnonzero(labels < NONE)
    if len(named) == 0:
        return heart
    own = labels[named]
    weight = np.full(len(named), pieces.weight)
    ways, nearest = courses(heart.anatomy, pieces.step_mm), fit.nearest[named, own]
    wide = np.log(np.maximum(pieces.radius[named], 0.2))
    calibre = float(np.exp(0.7 * np.median(wide - ways.radius[nearest])))
    return replace(fit_heart(heart, pieces.points[named], ways.points[nearest], weight), calibre=calibre)


def _guesses(tree: Tree, pieces: Pieces) -> list[list[Heart]]:
    """Hearts with the ends of the two longest trees at either ostium, each in about the usual orientation."""
    roots = [i for i, s in enumerate(tree.segments) if s.parent < 0]
    total = np.bincount([s.tree for s in tree.segments], [s.length_mm for s in tree.segments])
    roots = sorted(roots, key=lambda r: -total[tree.segments[r].tree])[:2]
    begin = [tree.segments[r].points[0] for r in roots]
    turns = np.concatenate([np.zeros((1, 3)), *(sign * _TRIED_DEGREES * np.eye(3) for sign in (1, -1))])
    found = []
    for anatomy in ANATOMIES:
        left, right = anatomy.ostia["left"], anatomy.ostia["right"]
        places = [(side, point) for point in begin for side in (left, right)]
        if len(begin) == 2:
            places.append(((left + right) / 2, np.mean(begin, axis=0)))
        places.append((courses(anatomy).points.mean(axis=0), pieces.points.mean(axis=0)))
        found += [[Heart.usual(anatomy, *place, turn) for turn in turns] for place in places]
    return found
