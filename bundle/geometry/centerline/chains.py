"""The skeleton's forest as rooted chains: main vessels with side branches that start on them."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from scipy.spatial import cKDTree

from bundle.common.polylines import arc_length

from .skeleton import Skeleton, lengthen

__all__ = ["Chain", "chains_of", "end_radius", "find_root", "forest"]

_END_MM = 4.0  # stretch of a vessel's end whose mean thickness stands for it
_SHORTEST_MM = 3.0
_AHEAD_MM = 8.0  # stretch behind a bifurcation that decides which child goes on


@dataclass
class Chain:
    """A vessel from its start to its tip, as a way through the skeleton: its arrays stay there.

    nodes: skeleton indices from start to tip; the first one of a side branch lies on its parent.
    parent: index of the parent chain, -1 for the first chain of a tree; tree: number of the tree.
    """

    nodes: list[int]
    parent: int
    tree: int


def end_radius(skeleton: Skeleton, tip: int) -> float:
    """Mean radius, mm, of the last 4 mm (or 30 %) of the vessel that ends in `tip`."""
    path = skeleton.from_tip(tip)
    along = arc_length(skeleton.points[path])
    near = np.asarray(path)[(along <= _END_MM) | (along <= 0.3 * along[-1])]
    return float(skeleton.radius[near].mean())


def find_root(skeleton: Skeleton, piece: list[int], aorta: cKDTree | None) -> int:
    """The end of a tree that is its ostium: nearest to the aorta, if one ends within 5 mm of it.

    Else the thickest end: coronaries taper from the ostium.
    """
    tips = [n for n in piece if skeleton.graph.degree[n] == 1]
    if aorta is not None:
        distance = aorta.query(skeleton.points[tips])[0]
        if distance.min() < 5.0:
            return tips[int(np.argmin(distance))]
    return max(tips, key=lambda tip: end_radius(skeleton, tip))


def _score(skeleton: Skeleton, arrival: np.ndarray, path: list[int], reach_mm: float) -> float:
    """How well a child goes on from its parent: straight, thick, and long behind."""
    along = arc_length(skeleton.points[path])
    near = np.asarray(path)[along <= max(_AHEAD_MM, along[1])]
    direction = skeleton.points[near[-1]] - skeleton.points[path[0]]
    straight = float(arrival @ direction / max(np.linalg.norm(direction), 1e-9))
    thick = float(skeleton.radius[near[len(near) // 3 :]].mean())
    return thick * (2.0 + straight) * np.sqrt(reach_mm)


def _reach(skeleton: Skeleton, above: dict[int, int]) -> dict[int, float]:
    """Longest way from each node down to a tip, mm; `above` holds parents before their children."""
    reach = dict.fromkeys([*above.values(), *above], 0.0)
    for node, parent in reversed(above.items()):
        step = float(np.linalg.norm(skeleton.points[node] - skeleton.points[parent]))
        reach[parent] = max(reach[parent], reach[node] + step)
    return reach


def chains_of(skeleton: Skeleton, root: int, tree: int, first: int) -> list[Chain]:
    """The chains of the tree on `root`, parents before children; `first` is the index of the first one.

    At each junction the child that is straightest, thickest and longest goes on; the others start chains.
    """
    above = dict(nx.bfs_predecessors(skeleton.graph, root))
    reach = _reach(skeleton, above)
    chains: list[Chain] = []
    todo = [([root], -1)]
    while todo:
        nodes, parent = todo.pop(0)
        number = first + len(chains)
        chains.append(Chain(nodes, parent, tree))
        while ahead := [n for n in skeleton.graph[nodes[-1]] if above.get(n) == nodes[-1]]:
            here = nodes[-1]
            going_on = ahead[0]
            if len(ahead) > 1:
                back = nodes[max(0, len(nodes) - 8)]
                arrival = skeleton.points[here] - skeleton.points[back]
                arrival = arrival / max(np.linalg.norm(arrival), 1e-9)
                scores = [_score(skeleton, arrival, skeleton.walk(here, n), reach[n]) for n in ahead]
                going_on = ahead[int(np.argmax(scores))]
                todo += [([here, n], number) for n in ahead if n != going_on]
            nodes.append(going_on)
    return chains


def forest(skeleton: Skeleton, lumen_points: np.ndarray, aorta_wall: np.ndarray | None) -> list[Chain]:
    """Chains of every tree longer than 3 mm, the longest tree first (see `find_root`).

    The roots are first lengthened into the lumen's voxels (N, 3) RAS mm, where the skeleton ends too early.
    """
    aorta = None if aorta_wall is None else cKDTree(aorta_wall)
    pieces = [(skeleton.length_mm(piece), piece) for piece in skeleton.pieces()]
    trees = [(total, find_root(skeleton, p, aorta)) for total, p in pieces if total >= _SHORTEST_MM]
    chains: list[Chain] = []
    for number, (_, root) in enumerate(sorted(trees, reverse=True)):
        root = lengthen(skeleton, root, lumen_points)
        chains += chains_of(skeleton, root, number, first=len(chains))
    return chains
