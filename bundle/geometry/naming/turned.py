"""A tree that begins at another of its ends: the widest end is not always the ostium."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from bundle.geometry.core import Segment, Tree

from .decide import Decision, settled
from .labels import NONE
from .stretches import Pieces, cut

__all__ = ["turn_unnamed"]

_NAMELESS = 0.4  # part of a tree without a name from which on other ends are tried
_LEAST_MM = 15.0
_ENDS = 3  # of a tree that are tried, the furthest first
_DEARER = 3.0  # by which an answer must be better: the end that was taken has its reasons


def turn_unnamed(tree: Tree, pieces: Pieces, decisions: list[Decision]) -> tuple[Pieces, list[Decision]]:
    """Begin trees of which much has no name at another end, where that gives names.

    A detached piece of the right coronary begins where it is widest, and a tree whose first millimetres are
    missing likewise; backwards it is like no vessel.

    Args:
        tree: changed in place.
        pieces, decisions: of it.

    Returns:
        The pieces and decisions of the tree as it then is.
    """
    for number in np.unique(pieces.tree):
        own = pieces.tree == number
        length, answers = pieces.length_mm[own], []
        if (
            length.sum() < _LEAST_MM
            or length[decisions[0].labels[own] == NONE].sum() < _NAMELESS * length.sum()
        ):
            continue
        for tip in _far_tips(tree, int(number)):
            segments = _begun_at(tree.segments, tip)
            other = cut(Tree(segments))
            answers.append((segments, other, settled(other, decisions[0].heart)))
        segments, other, answer = min(answers, key=lambda a: a[2].cost)
        if answer.cost < decisions[0].cost - _DEARER:
            tree.segments, pieces, decisions = segments, other, [answer]
    return pieces, decisions


def _far_tips(tree: Tree, number: int) -> list[int]:
    """The last segments of a tree, those with the longest way from its start first."""
    way = np.zeros(len(tree.segments))
    inner = set()
    for index, part in enumerate(tree.segments):
        way[index] = part.length_mm + (way[part.parent] if part.parent >= 0 else 0.0)
        inner.add(part.parent)
    tips = [i for i, part in enumerate(tree.segments) if part.tree == number and i not in inner]
    return sorted(tips, key=lambda i: -way[i])[:_ENDS]


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
