"""The thin skeleton of a mask as a graph without loops and spurs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm, voxel_to_world
from bundle.common.polylines import arc_length
from bundle.common.thinning import shell, skeleton_voxels
from bundle.common.time_limit import check_time

__all__ = ["Skeleton", "fill_pits", "lengthen", "prune", "skeletonise", "wall_distance_mm"]

_SPUR_MM = 2.0
_PIT = int(0.6 * 26)  # of lumen around background


@dataclass
class Skeleton:
    """A forest in the lumen: `points` (N, 3) RAS mm, `radius` (N,) mm to the wall, `graph` of their indices.

    Points and radius are arrays beside the graph, not attributes of its nodes: what is asked of them is asked
    of a whole path or piece at once.
    """

    points: np.ndarray
    radius: np.ndarray
    graph: nx.Graph

    def tips(self) -> list[int]:
        """Nodes with one neighbour."""
        return [node for node, degree in self.graph.degree if degree == 1]

    def pieces(self) -> list[list[int]]:
        """The forest's trees as sorted lists of nodes, without lone points."""
        return [sorted(nodes) for nodes in nx.connected_components(self.graph) if len(nodes) > 1]

    def length_mm(self, piece: list[int]) -> float:
        """Length of all edges of a piece."""
        ends = self.points[list(self.graph.edges(piece))]
        return float(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).sum())

    def walk(self, start: int, towards: int) -> list[int]:
        """Indices from `start` over `towards` to the next tip or junction, both ends included."""
        path = [start, towards]
        while self.graph.degree[path[-1]] == 2:
            a, b = self.graph[path[-1]]
            path.append(b if a == path[-2] else a)
        return path

    def from_tip(self, tip: int) -> list[int]:
        """Indices from a tip to the next junction, or to the other tip."""
        return self.walk(tip, next(iter(self.graph[tip])))


def wall_distance_mm(mask: np.ndarray, affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance from points (N, 3) inside the bool `mask` to the wall, (N,) mm.

    To the nearest background voxel's centre, less half a voxel: exact enough to rank paths, and much cheaper
    than a distance transform of the whole box.
    """
    wall = voxel_to_world(shell(mask), affine)
    return np.maximum(cKDTree(wall).query(points)[0] - 0.5 * voxel_size_mm(affine).mean(), 0.05)


def fill_pits(mask: np.ndarray) -> np.ndarray:
    """The voxels (N, 3) of a mask, and background that has more than 60 % of lumen among its 26 neighbours.

    A rough wall has pits and tunnels, around which a skeleton makes loops and twigs.

    Args:
        mask: (X, Y, Z) bool, with a free border.

    Returns:
        In the order of the array.
    """
    # Each voxel counts for its neighbours: sums over a volume that is empty mostly take long.
    own, flat = np.flatnonzero(mask), mask.ravel()
    steps = np.array([np.ravel_multi_index(step, mask.shape) for step in np.ndindex(3, 3, 3)])
    steps -= steps[13]
    count = np.zeros(mask.size, np.uint8)
    for step in steps:
        count[own + step] += 1
    pits = [beside[(count[beside] > _PIT) & ~flat[beside]] for beside in (own + step for step in steps)]
    filled = np.union1d(own, np.concatenate(pits))
    return np.stack(np.unravel_index(filled, mask.shape), axis=1)


def skeletonise(
    mask: np.ndarray,
    affine: np.ndarray,
    wall: np.ndarray | None = None,
    known: dict[bytes, np.ndarray] | None = None,
) -> Skeleton:
    """The skeleton of a bool mask (X, Y, Z) with a free border as a forest, not through `wall` (X, Y, Z).

    `known` saves work on parts that were thinned before (`bundle.common.thinning.skeleton_voxels`).

    Of every loop the thinnest link goes (a maximal spanning tree over the wall distance): where two vessels
    touch, that is the place of contact, because the lumen is narrowest there.
    """
    solid = fill_pits(mask)
    index = skeleton_voxels(solid if wall is None else solid[~wall[tuple(solid.T)]], known)
    if len(index) == 0:
        return Skeleton(np.zeros((0, 3)), np.zeros(0), nx.Graph())
    points = voxel_to_world(index, affine)
    radius = wall_distance_mm(mask, affine, points)
    pairs = cKDTree(index).query_pairs(1.8, output_type="ndarray")
    length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    cost = 100.0 - radius[pairs].min(axis=1) + 0.01 * length
    links = coo_matrix((cost, (pairs[:, 0], pairs[:, 1])), shape=(len(index), len(index)))
    # SciPy's tree takes a thirtieth of the time of networkx's.
    kept = minimum_spanning_tree(links.tocsr()).tocoo()
    graph = nx.Graph()
    graph.add_nodes_from(range(len(index)))
    graph.add_edges_from(sorted(zip(kept.row.tolist(), kept.col.tolist())))
    return Skeleton(points, radius, graph)


def _is_stump(radius: np.ndarray) -> bool:
    """Whether a twig's outer half is thick: `radius` (N,) from its tip to its parent's middle."""
    return float(np.median(radius[: max(1, len(radius) // 2)])) >= 0.5 * radius[-1]


def prune(skeleton: Skeleton) -> None:
    """Cut, shortest first, every side twig that stands out of its parent's wall by less than 2 mm.

    A twig's length counts from the wall: what it has inside the parent's inscribed sphere is no vessel. One
    that stays as thick as half its parent is none but a short vessel, such as a left main: on a twig from the
    middle to the wall the wall distance falls to nothing.
    """
    while True:
        check_time()
        twigs = [skeleton.from_tip(tip) for tip in skeleton.tips()]
        twigs = [t for t in twigs if skeleton.graph.degree[t[-1]] > 2 and not _is_stump(skeleton.radius[t])]
        stands_out = [arc_length(skeleton.points[t])[-1] - skeleton.radius[t[-1]] for t in twigs]
        if not twigs or min(stands_out) >= _SPUR_MM:
            return
        skeleton.graph.remove_edges_from(pairwise(twigs[int(np.argmin(stands_out))]))


def lengthen(skeleton: Skeleton, tip: int, lumen_points: np.ndarray) -> int:
    """Go on from a tip into lumen that the skeleton left out, and return the new tip.

    The thinning of a short, wide stump, such as a left main of a few millimetres, may end at the first
    bifurcation. Of the lumen (N, 3) RAS mm the part nearer to the tip than to any other node is looked at:
    where it reaches further than a radius and a half, nodes are added 0.5 mm apart up to half a radius before
    its end.
    """
    start, radius = skeleton.points[tip], float(skeleton.radius[tip])
    near = lumen_points[np.linalg.norm(lumen_points - start, axis=1) < 5.0 * radius]
    own = near[cKDTree(skeleton.points).query(near)[1] == tip]
    away = np.linalg.norm(own - start, axis=1)
    if len(own) == 0 or away.max() < 1.5 * radius:
        return tip
    far = own[away > 0.85 * away.max()].mean(axis=0) - start
    length = float(np.linalg.norm(far)) - 0.5 * radius
    steps = np.arange(1, int(length / 0.5) + 1) * 0.5
    added = start + far / max(np.linalg.norm(far), 1e-9) * steps[:, None]
    way = [tip, *range(len(skeleton.points), len(skeleton.points) + len(added))]
    nx.add_path(skeleton.graph, way)
    skeleton.points = np.concatenate([skeleton.points, added])
    skeleton.radius = np.append(skeleton.radius, np.full(len(added), radius))
    return way[-1]
