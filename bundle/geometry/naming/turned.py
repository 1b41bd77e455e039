"""A tree that begins at another of its ends: the widest end is not always the ostium."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from bundle.geometry.core import Segment, Tree

from .decide import Decision, settled
from .labels import NONE
from .stretches import Pieces, cut, width

__all__ = ["turn_trees"]

_NAMELESS = 0.4  # part of a tree without a name from which on its far ends are tried
_LEAST_MM = 15.0
_ENDS = 3  # of a tree that are tried, the furthest first
_DEARER = 3.0  # by which an answer must be better: the end that was taken has its reasons
_WIDE = 0.45  # of the start's radius, from which on the widest end is tried too
_DEARER_WIDE = 0.5


def turn_trees(tree: Tree, pieces: Pieces, decisions: list[Decision]) -> tuple[Pieces, list[Decision]]:
    """Begin trees at another of their ends where the names then fit better.

    A tree begins where it is widest. That is not the ostium where a bit of vein hangs on its far end, where
    two vessels touch, and in a detached piece; backwards it is like no vessel, and a left main is a side
    branch. The widest of the other ends is tried, and the furthest ones where much has no name.

    Args:
        tree: changed in place.
        pieces, decisions: of it.

    Returns:
        The pieces and decisions of the tree as it then is.
    """
    for number in np.unique(pieces.tree):
        own = pieces.tree == number
        length, answers = pieces.length_mm[own], []
        if length.sum() < _LEAST_MM:
            continue
        nameless = length[decisions[0].labels[own] == NONE].sum() >= _NAMELESS * length.sum()
        far, wide = _ends(tree, int(number))
        tried = dict.fromkeys(far if nameless else [], _DEARER) | dict.fromkeys(wide, _DEARER_WIDE)
        for tip, dearer in tried.items():
            segments = _begun_at(tree.segments, tip)
            other = cut(Tree(segments))
            answer = settled(other, decisions[0].heart)
            answers.append((answer.cost + dearer, segments, other, answer))
        if answers:
            cost, segments, other, answer = min(answers, key=lambda a: a[0])
            if cost < decisions[0].cost:
                tree.segments, pieces, decisions = segments, other, [answer]
    return pieces, decisions


def _ends(tree: Tree, number: int) -> tuple[list[int], list[int]]:
    """Last segments of a tree: the furthest from its start, and the widest if that is nearly as wide."""
    way = np.zeros(len(tree.segments))
    inner = {part.parent for part in tree.segments}
    for index, part in enumerate(tree.segments):
        way[index] = part.length_mm + (way[part.parent] if part.parent >= 0 else 0.0)
    own = [i for i, part in enumerate(tree.segments) if part.tree == number]
    tips = [i for i in own if i not in inner]
    far = sorted(tips, key=lambda i: -way[i])[:_ENDS]
    start = max(width(tree.segments[i]) for i in own if tree.segments[i].parent < 0)
    others = [i for i in tips if tree.segments[i].parent >= 0]
    widest = sorted(others, key=lambda i: -width(tree.segments[i]))[:1]
    return far, [i for i in widest if width(tree.segments[i]) >= _WIDE * start]


def _begun_at(segments: list[Segment], tip: int) -> list[Segment]:
    """The segments, parents first, with the tree of `tip` begun at that one's end."""
    path = [tip]
    while segments[path[-1]].parent >= 0:
        path.append(segments[path[-1]].parent)
    start = path[-1]
    parent = {i: part.parent for i, part in enumerate(segments)}
    for below, above in pairwise(path):
        for sibling in [i for i, up in parent.items() if up == above and i != below]:
            parent[sibling] = below  # it begins where that one, turned, ends
    parent |= {above: below for below, above in pairwise(path)}
    parent[tip] = -1
    backwards = [i for i, part in enumerate(segments) if part.parent < 0 and part.tree == segments[tip].tree]
    for other in backwards:  # of several that begin at one ostium
        if other != start:
            parent[other] = start
    children: dict[int, list[int]] = {}
    for index, above in parent.items():
        children.setdefault(above, []).append(index)
    order, waiting = [], sorted(children[-1], reverse=True)
    while waiting:
        order.append(waiting.pop())
        waiting += sorted(children.get(order[-1], []), reverse=True)
    place = {index: rank for rank, index in enumerate(order)} | {-1: -1}
    turned = set(path)
    return [
        replace(
            segments[i],
            **segments[i].arrays(slice(None, None, -1 if i in turned else 1)),
            parent=place[parent[i]],
        )
        for i in order
    ]
