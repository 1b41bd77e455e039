"""Branches that leave their parent backwards, as a vein does that touches an artery."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

from bundle.common.coordinates import ras_to_lps

from .skeleton import Skeleton
from .tree_rule import TreeRule

__all__ = ["Backward", "backward_branches"]

_BEFORE_MM, _AFTER_MM = 5.0, 6.0  # over which the directions of parent and branch are taken


@dataclass
class Backward:
    """Nodes of a branch with all that hangs on it, its length (mm), and its mean probability of vein."""

    nodes: list[int]
    length_mm: float
    vein: float

    def record(self, skeleton: Skeleton) -> dict:
        """Ready for JSON."""
        place = ras_to_lps(skeleton.points[self.nodes].mean(axis=0)).round(1).tolist()
        return {"length_mm": round(self.length_mm, 2), "vein": round(self.vein, 2), "at_lps_mm": place}


def backward_branches(skeleton: Skeleton, root: int, vein: np.ndarray, rule: TreeRule) -> list[Backward]:
    """What leaves its parent backwards in a tree and has the look of a vein, none within another.

    Coronary arteries part at acute angles: the circumflex leaves the anterior descending at 75 degrees on
    average, with a standard deviation of 23 (Medrano-Gracia et al., EuroIntervention 2016). A cardiac vein
    that touches an artery makes a branch of any angle.

    Args:
        root: node at which the tree begins.
        vein: (N,) probability of cardiac vein at every node.
        rule: `backward_facing`, `backward_vein` and `backward_mm`.
    """
    points, graph = skeleton.points, skeleton.graph
    steps = list(nx.bfs_edges(graph, root))
    parent = {child: node for node, child in steps}
    children: dict[int, list[int]] = {}
    for node, child in steps:
        children.setdefault(node, []).append(child)
    step = {child: float(np.linalg.norm(points[child] - points[node])) for node, child in steps}
    length = dict.fromkeys([root, *parent], 0.0)
    for node, child in reversed(steps):
        length[node] += length[child] + step[child]
    tree = nx.DiGraph(steps)
    found: list[Backward] = []
    gone: set[int] = set()
    for node, child in steps:
        whole = length[child] + step[child]
        if node in gone:
            continue
        if len(children[node]) < 2 or whole < rule.backward_mm:
            continue
        before, after = _back(points, parent, node), _onward(points, children, length, child)
        onward, away = points[node] - before, after - points[node]
        size = np.linalg.norm(onward) * np.linalg.norm(away)
        if size == 0 or onward @ away / size >= rule.backward_facing:
            continue
        nodes = [child, *nx.descendants(tree, child)]
        share = float(vein[nodes].mean())
        if share >= rule.backward_vein:
            found.append(Backward(nodes, whole, share))
            gone.update(nodes)
    return found


def _back(points: np.ndarray, parent: dict[int, int], node: int) -> np.ndarray:
    """The point of the parent's centreline a few mm before a node."""
    way = 0.0
    while node in parent and way < _BEFORE_MM:
        way += float(np.linalg.norm(points[node] - points[parent[node]]))
        node = parent[node]
    return points[node]


def _onward(
    points: np.ndarray, children: dict[int, list[int]], length: dict[int, float], node: int
) -> np.ndarray:
    """The point of a branch a few mm after its first node, along what is longest."""
    way = 0.0
    while children.get(node) and way < _AFTER_MM:
        following = max(children[node], key=lambda child: length[child])
        way += float(np.linalg.norm(points[following] - points[node]))
        node = following
    return points[node]
