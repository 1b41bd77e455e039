"""The skeleton's forest as rooted chains: main vessels with side branches that start on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from bundle.common.polylines import arc_length

from .skeleton import Skeleton, lengthen, walk

_END_MM = 4.0  # stretch of a vessel's end whose mean thickness stands for it
_AHEAD_MM = 8.0  # stretch behind a bifurcation that decides which daughter goes on


@dataclass
class Chain:
    """A vessel from its start to its tip.

    nodes: skeleton indices from start to tip; the first one of a side branch lies on its parent.
    parent: index of the parent chain, -1 for the first chain of a tree; tree: number of the tree.
    """

    nodes: list[int]
    parent: int
    tree: int


def end_radius(skeleton: Skeleton, tip: int) -> float:
    """Mean radius, mm, of the last 4 mm (or 30 %) of the vessel that ends in `tip`."""
    path = walk(skeleton, tip, skeleton.neighbours[tip][0])
    along = arc_length(skeleton.points[path])
    near = np.asarray(path)[(along <= _END_MM) | (along <= 0.3 * along[-1])]
    return float(skeleton.radius[near].mean())


def components(skeleton: Skeleton) -> list[list[int]]:
    """The forest's trees as lists of nodes, without lone points."""
    seen = np.zeros(len(skeleton.points), bool)
    found = []
    for start in range(len(seen)):
        if seen[start] or not skeleton.neighbours[start]:
            continue
        seen[start] = True
        members = [start]
        for node in members:
            fresh = [n for n in skeleton.neighbours[node] if not seen[n]]
            seen[fresh] = True
            members += fresh
        found.append(members)
    return found


def find_root(skeleton: Skeleton, members: list[int], aorta: cKDTree | None = None) -> int:
    """The end of a tree that is its ostium: nearest to the aorta, if one ends within 5 mm of it.

    Else the thickest end: coronaries taper from the ostium.
    """
    tips = [n for n in members if len(skeleton.neighbours[n]) == 1]
    if aorta is not None:
        distance = aorta.query(skeleton.points[tips])[0]
        if distance.min() < 5.0:
            return tips[int(np.argmin(distance))]
    return max(tips, key=lambda tip: end_radius(skeleton, tip))


def _daughter_score(skeleton: Skeleton, arrival: np.ndarray, path: list[int], reach_mm: float) -> float:
    """How well a daughter goes on from its mother: straight, thick, and long behind."""
    along = arc_length(skeleton.points[path])
    near = np.asarray(path)[along <= max(_AHEAD_MM, along[1])]
    direction = skeleton.points[near[-1]] - skeleton.points[path[0]]
    straight = float(arrival @ direction / max(np.linalg.norm(direction), 1e-9))
    thick = float(skeleton.radius[near[len(near) // 3 :]].mean())
    return thick * (2.0 + straight) * np.sqrt(reach_mm)


def _reach(skeleton: Skeleton, order: list[int], mother: dict[int, int]) -> dict[int, float]:
    """Longest way from each node down to a tip, mm."""
    reach = dict.fromkeys(order, 0.0)
    for node in reversed(order):
        above = mother[node]
        if above >= 0:
            step = float(np.linalg.norm(skeleton.points[node] - skeleton.points[above]))
            reach[above] = max(reach[above], reach[node] + step)
    return reach


def chains_of(skeleton: Skeleton, root: int, tree: int, first: int = 0) -> list[Chain]:
    """The chains of the tree on `root`, parents before children; `first` is the index of the first one.

    At each junction the daughter that is straightest, thickest and longest goes on; the others start chains.
    """
    mother = {root: -1}
    order = [root]
    for node in order:
        fresh = [n for n in skeleton.neighbours[node] if n != mother[node]]
        mother |= dict.fromkeys(fresh, node)
        order += fresh
    reach = _reach(skeleton, order, mother)
    chains: list[Chain] = []
    todo = [([root], -1)]
    while todo:
        nodes, parent = todo.pop(0)
        number = first + len(chains)
        chains.append(Chain(nodes, parent, tree))
        while True:
            here = nodes[-1]
            ahead = [n for n in skeleton.neighbours[here] if n not in nodes[-2:-1] and mother[n] == here]
            if not ahead:
                break
            going_on = ahead[0]
            if len(ahead) > 1:
                back = nodes[max(0, len(nodes) - 8)]
                arrival = skeleton.points[here] - skeleton.points[back]
                arrival = arrival / max(np.linalg.norm(arrival), 1e-9)
                scores = [
                    _daughter_score(skeleton, arrival, walk(skeleton, here, n), reach[n]) for n in ahead
                ]
                going_on = ahead[int(np.argmax(scores))]
                todo += [([here, n], number) for n in ahead if n != going_on]
            nodes.append(going_on)
    return chains


def forest(
    skeleton: Skeleton,
    lumen_points: np.ndarray,
    min_length_mm: float = 3.0,
    aorta_wall: np.ndarray | None = None,
) -> list[Chain]:
    """Chains of every tree longer than `min_length_mm`, the longest tree first (see `find_root`).

    The roots are first lengthened into the lumen's voxels (N, 3) RAS mm, where the skeleton ends too early.
    """
    aorta = None if aorta_wall is None else cKDTree(aorta_wall)
    trees = []
    for members in components(skeleton):
        total = sum(
            float(np.linalg.norm(skeleton.points[a] - skeleton.points[b])) / 2
            for a in members
            for b in skeleton.neighbours[a]
        )
        if total >= min_length_mm:
            trees.append((total, find_root(skeleton, members, aorta)))
    chains: list[Chain] = []
    for number, (_, root) in enumerate(sorted(trees, reverse=True)):
        root = lengthen(skeleton, root, lumen_points)
        chains += chains_of(skeleton, root, number, first=len(chains))
    return chains
