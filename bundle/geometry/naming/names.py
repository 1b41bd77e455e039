"""Names of coronary branches from where they run in the patient."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from bundle.geometry.core import Branch, Tree, make_branch

from .anatomy import LABELS
from .decide import Decision, decide
from .labels import NONE, runs_of
from .rules import consistent
from .stretches import Pieces, cut, reach_mm
from .turned import turn_trees

__all__ = ["MAIN", "UNKNOWN", "name_branches"]

UNKNOWN = "unknown"
MAIN = ("LM", "LAD", "LCx", "RI", "RCA")
_TWIG_MM = 8.0  # a side branch that is shorter is not named
_MARGIN = 2.5  # difference of costs at which a name has a confidence of 0.82
_ASTRAY = 1.5  # times the cost of no name, above which a crumb lies too far from where its name runs
# Side branches are counted along the vessel that they leave; some from the second on.
_NUMBERED = {"D": "LAD", "S": "LAD", "OM": "LCx", "AM": "RCA", "CB": "RCA", "PLV": "RCA", "RI": "LM"}
_FIRST_BARE = ("CB", "PLV", "RI")


def _worth_a_name(pieces: Pieces, labels: np.ndarray, runs: list[list[int]]) -> list[list[int]]:
    """Without twigs of side branches, and with the longer of two that would be one vessel of a tree."""
    length = pieces.length_mm
    longest: dict[tuple[int, int], float] = {}
    for run in runs:
        key = (int(pieces.tree[run[0]]), int(labels[run[0]]))
        longest[key] = max(longest.get(key, 0.0), float(length[run].sum()))
    kept = []
    for run in runs:
        key, own = (int(pieces.tree[run[0]]), int(labels[run[0]])), float(length[run].sum())
        if LABELS[key[1]] in _NUMBERED or LABELS[key[1]] == "PDA":
            ends = not np.isin(pieces.stretches.parent, run[-1]).any()
            worth = own >= _TWIG_MM or not ends
        else:
            worth = own == longest[key]
        if worth:
            kept.append(run)
    return kept


def _confidence(margin: float) -> float:
    """0.5 where another name is as good, towards 1."""
    return float(1.0 - 0.5 * np.exp(-max(margin, 0.0) / _MARGIN))


def _certain(pieces: Pieces, decisions: list[Decision], run: list[int]) -> float:
    """Confidence in a vessel's label: how much dearer the best answer is that calls it something else.

    0 for a crumb, a piece on its own that is shorter than a twig, far from the course of that label: it says
    too little about where it lies, and would be called after what costs least to begin.
    """
    best, *others = decisions
    label = best.labels[run[0]]
    own, none = best.of_stretches[run][:, [label, NONE]].sum(axis=0)
    if own > _ASTRAY * none and pieces.length_mm[pieces.tree == pieces.tree[run[0]]].sum() < _TWIG_MM:
        return 0.0
    cost = best.of_stretches.copy()
    cost[run, label] = np.inf
    _, without = consistent(pieces, cost)
    margins = [without + best.heart.surprise - best.cost]
    margins += [d.cost - best.cost for d in others if (d.labels[run] == label).mean() < 0.5]
    return _confidence(min(margins))


def _numbered(tree: Tree, pieces: Pieces, labels: np.ndarray, runs: list[list[int]]) -> dict[int, str]:
    """The names of the vessels, by their first stretch: side branches are counted in order of take-off."""
    way = _ways(tree, pieces)
    names = {}
    for number, label in enumerate(LABELS):
        own = [run for run in runs if labels[run[0]] == number]
        mother = _NUMBERED.get(label)
        if mother is None:
            names |= {run[0]: label for run in own}
            continue
        on = np.flatnonzero(labels[pieces.of] == LABELS.index(mother))
        before = _pieces_before(pieces, on)
        place = {}
        for run in own:
            first = int(np.flatnonzero(pieces.of == run[0])[0])
            place[run[0]] = way[first]
            if len(on):
                near = on[cKDTree(pieces.points[on]).query(pieces.points[first])[1]]
                place[run[0]] = way[near] + before[int(pieces.tree[pieces.of[near]])]
        # The first posterolateral branch is the one next to the crux.
        order = sorted(place, key=place.get, reverse=label == "PLV")
        for count, first in enumerate(order, 1):
            names[first] = label if count == 1 and label in _FIRST_BARE else f"{label}{count}"
    return names


def _pieces_before(pieces: Pieces, on: np.ndarray) -> dict[int, float]:
    """By tree, a length that puts the points `on` of one artery in order: it tapers from piece to piece."""
    trees = pieces.tree[pieces.of[on]]
    widest = sorted(set(trees.tolist()), key=lambda tree: -float(np.median(pieces.radius[on][trees == tree])))
    return {tree: 1000.0 * rank for rank, tree in enumerate(widest)}


def _ways(tree: Tree, pieces: Pieces) -> np.ndarray:
    """Way from the start of its tree to each point, mm, (M,)."""
    start = np.zeros(len(tree.segments))
    for number, part in enumerate(tree.segments):
        if part.parent >= 0:
            start[number] = start[part.parent] + tree.segments[part.parent].length_mm
    segment = pieces.segment[pieces.of]
    inside = np.zeros(len(segment))
    for number in np.unique(segment):
        own = np.flatnonzero(segment == number)
        inside[own] = (np.arange(len(own)) + 0.5) * tree.segments[number].length_mm / len(own)
    return start[segment] + inside


def _split(tree: Tree, pieces: Pieces, labels: np.ndarray) -> np.ndarray:
    """Cut segments where the label changes within them, in place; returns the stretch of each segment."""
    segments, stretch_of, last_of = [], [], {}
    for number, part in enumerate(tree.segments):
        own = np.flatnonzero(pieces.segment == number)
        starts = [own[0], *(b for a, b in pairwise(own) if labels[a] != labels[b])]
        edges = [*pieces.first[starts], len(part.points) - 1]
        for stretch, (first, last) in zip(starts, pairwise(edges)):
            above = len(segments) - 1 if first else last_of.get(part.parent, -1)
            segments.append(replace(part, **part.arrays(slice(first, last + 1)), parent=above))
            stretch_of.append(stretch)
        last_of[number] = len(segments) - 1
    tree.segments = segments
    return np.array(stretch_of)


def name_branches(tree: Tree, min_confidence: float = 0.58, least_of_main: float = 0.55) -> Tree:
    """Group the tree's segments to branches and name them, in place; returns the tree.

    LM, LAD, D1.., S1.., RI, LCx, OM1.., RCA, CB, AM1.., PDA, PLV.. by one decision over all of the tree, or
    the pieces of it: the heart is laid, near its usual orientation in patient space (RAS), so that they
    fit the grooves and walls where each of them runs, under the rules of what may leave what (`courses`,
    `fit_heart`, `label_stretches`). A detached piece is named by where it lies. A tree is begun at
    another of its ends where the names then fit better. A segment is cut where one
    vessel becomes another without a bifurcation, as the left main does where no LCx is seen.

    Every name has a confidence in 0..1, by how much dearer the best answer without it is. A branch that no
    name explains, a single vessel without branches, or one under `min_confidence`, is "unknown"; LM, LAD, LCx
    and RCA only under `least_of_main`, since in the stump of a left tree little tells its two arteries apart.

    Source of the scheme: SCCT segments (Leipsic et al., JCCT 2014); `scct_segments` has their numbers.

    Example:
        >>> tree = name_branches(tree)
        >>> [(branch.name, len(branch.segments)) for branch in tree.branches]
        [('...', 1)]
    """
    if len({part.tree for part in tree.segments}) < 2 and not any(part.parent >= 0 for part in tree.segments):
        tree.branches = _group(tree, {})  # one vessel and nothing beside it: nobody can say which
        return tree
    pieces = cut(tree)
    pieces, decisions = turn_trees(tree, pieces, decide(tree, pieces))
    labels = decisions[0].labels
    runs = _worth_a_name(pieces, labels, runs_of(pieces.stretches, labels))
    called = _numbered(tree, pieces, labels, runs)
    names = {}
    for run in runs:
        confidence = round(_certain(pieces, decisions, run), 2)
        main = called[run[0]] in ("LM", "LAD", "LCx", "RCA")
        sure = confidence >= (least_of_main if main else min_confidence)
        name = called[run[0]] if sure else UNKNOWN
        names |= dict.fromkeys(run, (name, confidence))
    stretch_of = _split(tree, pieces, labels)
    tree.branches = _group(tree, {s: names[n] for s, n in enumerate(stretch_of) if n in names})
    return tree


def _group(tree: Tree, names: dict[int, tuple[str, float]]) -> list[Branch]:
    """Runs of segments of one name; unnamed ones follow their longest unnamed child."""
    reach = reach_mm(tree)
    branch_of: dict[int, int] = {}
    branches: list[Branch] = []
    for segment, part in enumerate(tree.segments):
        if segment in branch_of:
            continue
        name, confidence = names.get(segment, (UNKNOWN, 0.0))
        run = [segment]
        while onward := [d for d in tree.children(run[-1]) if names.get(d, (UNKNOWN, 0.0))[0] == name]:
            run.append(max(onward, key=lambda d: reach[d]))
        parent = branch_of.get(part.parent, -1)
        branch_of |= dict.fromkeys(run, len(branches))
        branches.append(make_branch(tree, run, name, confidence, parent))
    return branches
