"""One decision over a whole tree: the names of its stretches that together cost least."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from .anatomy import LABELS

__all__ = ["NONE", "Stretches", "label_stretches", "runs_of"]

NONE = len(LABELS)  # the label of what no name fits
_COUNT = NONE + 1
_INDEX = {label: number for number, label in enumerate(LABELS)} | {"none": NONE}

_ODD = 12.0  # cost of what no anatomy has, but a mask with a spur or a false join may
# Costs are in the unit of half a squared deviation, as those of place and calibre in `compare`; chosen on
# phantoms of seeds from 500 and on trees of another generator.
# What leaves a vessel at a bifurcation, beside its own continuation, and what that costs.
_SIDES = {
    "LM": {"LAD": 0.2, "LCx": 0.2, "RI": 0.5, "D": 4.0, "OM": 6.0, "none": 3.0},
    "LAD": {"D": 0.7, "S": 0.9, "RI": 3.0, "none": 3.0},
    "LCx": {"OM": 0.6, "RI": 3.0, "PLV": 1.5, "PDA": 2.0, "none": 2.0},
    "RCA": {"AM": 0.7, "CB": 1.0, "PDA": 0.3, "PLV": 0.7, "none": 2.0},
    **{label: {"none": 1.0} for label in ("RI", "D", "S", "OM", "CB", "AM", "PDA")},
    "PLV": {"PLV": 0.3, "none": 1.0},  # of a common trunk
    "none": {"none": 0.0},
}
# What a vessel may become where no bifurcation is seen.
_CHANGES = {
    "LM": {"LAD": 1.5, "LCx": 2.5, "RI": 4.0},
    "RCA": {"PDA": 0.5, "PLV": 3.0, "AM": 2.5},
    "LCx": {"OM": 7.0, "PLV": 2.5, "PDA": 2.5},
}
_MAIN_GOES_ON = 1.0  # a bifurcation is where a left main ends, unless a stem follows
_BEGINS = {"LM": 0.0, "RCA": 0.0, "LAD": 1.5, "LCx": 1.5, "none": 2.5}  # others 2
_STOPS = {"LAD": 5.0, "LCx": 2.0, "RCA": 1.0}  # a vessel that ends where others leave it; LM 0, others 1
_MISSING = {"LAD": 2.0, "LCx": 2.0}  # where a left main ends in a bifurcation of which no child is this
_SINGLE = ("LM", "LAD", "LCx")  # of which a bifurcation of the left main has one at most
_MOST_SINGLE = 5  # children among which these are looked for


def _table(rows: dict[str, dict[str, float]]) -> np.ndarray:
    table = np.full((_COUNT, _COUNT), _ODD)
    for parent, row in rows.items():
        for child, cost in row.items():
            table[_INDEX[parent], _INDEX[child]] = cost
    return table


_SIDE, _CHANGE = _table(_SIDES), _table(_CHANGES)
# Behind a short stem, which is the end of a left main that forks in three.
_STEM = {"RI": 0.5, "D": 3.0, "OM": 3.0}
_SIDE_OF_STEM = _table(_SIDES | {name: _SIDES[name] | _STEM for name in ("LAD", "LCx")})
np.fill_diagonal(_CHANGE, 0.0)
_BEGIN = np.array([_BEGINS.get(label, 2.0) for label in (*LABELS, "none")])
_STOP = np.array([0.0 if label == "LM" else _STOPS.get(label, 1.0) for label in (*LABELS, "none")])
_STOP[NONE] = 0.0
_ALONE = np.array([label for label in range(NONE) if LABELS[label] != "PLV"])
for _each in (_SIDE, _SIDE_OF_STEM):
    _each[_ALONE, _ALONE] = np.inf  # a vessel goes on in one child at most


@dataclass(frozen=True)
class Stretches:
    """Pieces of vessel of some millimetres, parents before children.

    parent: (N,) index, -1 at the start of a tree; what has several children ends in a bifurcation.
    stem: (N,) bool, whether it is all of a few millimetres between the tree's first bifurcation and the next.
    onward: (N,) cost of being the continuation of the parent at a bifurcation; 0 for the straightest,
        thickest, longest child.
    """

    parent: np.ndarray
    stem: np.ndarray
    onward: np.ndarray

    def children(self) -> list[list[int]]:
        """Of each stretch, the indices."""
        found: list[list[int]] = [[] for _ in self.parent]
        for number, above in enumerate(self.parent):
            if above >= 0:
                found[above].append(number)
        return found

    @cached_property
    def from_the_tips(self) -> list[tuple[np.ndarray, np.ndarray, list[tuple[int, list[int]]]]]:
        """What has children, in steps, each after all below it.

        Of a step: those with one child (P,), their children (P,), and those with several, each with them.
        """
        children, height = self.children(), np.zeros(len(self.parent), int)
        for number in reversed(range(len(height))):
            height[number] = max((height[child] + 1 for child in children[number]), default=0)
        steps = []
        for level in range(1, int(height.max(initial=0)) + 1):
            own = np.flatnonzero(height == level).tolist()
            single = [number for number in own if len(children[number]) == 1]
            child = [children[number][0] for number in single]
            forks = [(number, children[number]) for number in own if len(children[number]) > 1]
            steps.append((np.array(single, int), np.array(child, int), forks))
        return steps


def label_stretches(stretches: Stretches, cost: np.ndarray) -> tuple[np.ndarray, float]:
    """The labels that cost least together, and that cost: exact, by dynamic programming from the tips.

    Rules: a vessel goes on in one child at most; of the left main's children one at most is the LAD and one
    the LCx; what leaves or follows what costs as the tables above say. What they do not list costs `_ODD`.

    Args:
        cost: (N, L + 1) of each stretch under each of `LABELS` and under none of them; inf bars a label.

    Returns:
        (N,) labels, `NONE` for none, and their cost.
    """
    best, after = cost.copy(), np.zeros(cost.shape, int)
    at_fork: dict[int, np.ndarray] = {}  # (L + 1, children): their labels under each own one
    for single, child, forks in stretches.from_the_tips:
        paid, after[single] = _best_of(best[child], _CHANGE)
        best[single] += paid
        for number, below in forks:
            paid, at_fork[number] = _at_fork(
                best[below],
                stretches.onward[below],
                stretches.stem[below],
                _SIDE_OF_STEM if stretches.stem[number] else _SIDE,
            )
            best[number] += paid
    labels, roots = np.full(len(cost), NONE), np.flatnonzero(stretches.parent < 0)
    begun = best[roots] + _BEGIN
    labels[roots] = begun.argmin(axis=1)
    for single, child, forks in reversed(stretches.from_the_tips):
        labels[child] = after[single, labels[single]]
        for number, below in forks:
            labels[below] = at_fork[number][labels[number]]
    return labels, sum(begun.min(axis=1).tolist())


def _best_of(below: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least cost of children (..., L + 1) under each label of their parent, and their labels then."""
    both = below[..., None, :] + table
    return both.min(axis=-1), both.argmin(axis=-1)


def _at_fork(
    below: np.ndarray, onward: np.ndarray, stem: np.ndarray, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least cost of children (C, L + 1) that leave a bifurcation, and their labels (L + 1, C)."""
    count = len(below)
    paid, labels = _best_of(below, table)
    which = np.ascontiguousarray(labels.T)
    # One of them goes on under the parent's label, or none does.
    together = paid.sum(axis=0)
    options = np.concatenate([below + onward[:, None] + together - paid, (together + _STOP)[None]])
    pick = options.argmin(axis=0)
    total = options[pick, np.arange(_COUNT)]
    one = np.flatnonzero(pick < count)
    which[one, pick[one]] = one
    main = _INDEX["LM"]
    total[main], which[main] = _at_left_main(below, onward, stem)
    return total, which


@lru_cache
def _left_main_options(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of `_SINGLE` each of so many children may be, 3 for none: (K, count), and what is missing costs.

    Of more than five children the others are none.
    """
    options = np.array(list(product(range(len(_SINGLE) + 1), repeat=min(count, _MOST_SINGLE))))
    used = (options[:, :, None] == np.arange(len(_SINGLE))).sum(axis=1)
    options, used = options[(used <= 1).all(axis=1)], used[(used <= 1).all(axis=1)]
    missing = sum(cost * (used[:, _SINGLE.index(label)] == 0) for label, cost in _MISSING.items())
    missing = np.where(used[:, _SINGLE.index("LM")] > 0, 0.0, missing)
    return np.pad(options, ((0, 0), (0, count - options.shape[1])), constant_values=len(_SINGLE)), missing


def _at_left_main(below: np.ndarray, onward: np.ndarray, stem: np.ndarray) -> tuple[float, np.ndarray]:
    """Least cost of children (C, L + 1), of which some are a stem (C,), of a left main, and their labels."""
    single = [_INDEX[label] for label in _SINGLE]
    price = _SIDE[_INDEX["LM"]].copy()
    named = below[:, single] + price[single]
    named[:, _SINGLE.index("LM")] = below[:, _INDEX["LM"]] + onward + np.where(stem, 0.0, _MAIN_GOES_ON)
    price[single] = np.inf
    others = below + price
    rest = others.argmin(axis=1)
    cost = np.concatenate([named, others[np.arange(len(below)), rest][:, None]], axis=1)
    options, missing = _left_main_options(len(below))
    total = cost[np.arange(len(below)), options].sum(axis=1) + missing
    best = int(total.argmin())
    labels = np.concatenate([np.tile(single, (len(below), 1)), rest[:, None]], axis=1)
    return float(total[best]), labels[np.arange(len(below)), options[best]]


def runs_of(stretches: Stretches, labels: np.ndarray) -> list[list[int]]:
    """Vessels: stretches of one label that go on from each other, at a bifurcation in one child."""
    goes_on: dict[int, int] = {}
    for number, above in enumerate(stretches.parent):
        if above >= 0 and labels[above] == labels[number] != NONE:
            other = goes_on.setdefault(above, number)
            if stretches.onward[number] < stretches.onward[other]:
                goes_on[above] = number
    run_of: dict[int, list[int]] = {}
    runs = []
    for number, above in enumerate(stretches.parent):
        if goes_on.get(above) == number:
            run_of[number] = run_of[above]
        else:
            run_of[number] = []
            runs.append(run_of[number])
        run_of[number].append(number)
    return [run for run in runs if labels[run[0]] != NONE]
