"""The thin skeleton of a mask as a graph without loops and spurs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from bundle.geometry.coordinates import voxel_size_mm, voxel_to_world


@dataclass
class Skeleton:
    """A forest of points: `points` (N, 3) RAS mm, `radius` (N,) mm, `neighbours` a list of index lists."""

    points: np.ndarray
    radius: np.ndarray
    neighbours: list[list[int]]


def wall_distance_mm(mask: np.ndarray, affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance from points (N, 3) inside `mask` to the wall, (N,) mm.

    To the nearest background voxel's centre, less half a voxel: exact enough to rank paths, and much cheaper
    than a distance transform of the whole box.
    """
    lumen = mask > 0
    shell = binary_dilation(lumen) & ~lumen
    wall = voxel_to_world(np.argwhere(shell), affine)
    return np.maximum(cKDTree(wall).query(points)[0] - 0.5 * voxel_size_mm(affine).mean(), 0.05)


def skeletonise(mask: np.ndarray, affine: np.ndarray) -> Skeleton:
    """The skeleton (Lee et al., CVGIP 1994) of a bool mask (X, Y, Z) as a forest.

    Of every loop the thinnest link goes (a maximal spanning tree over the wall distance): where two vessels
    touch, that is the place of contact, because the lumen is narrowest there.
    """
    index = np.argwhere(skeletonize(mask))
    if len(index) == 0:
        return Skeleton(np.zeros((0, 3)), np.zeros(0), [])
    points = voxel_to_world(index, affine)
    radius = wall_distance_mm(mask, affine, points)
    pairs = cKDTree(index).query_pairs(1.8, output_type="ndarray")
    length = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    cost = 100.0 - radius[pairs].min(axis=1) + 0.01 * length
    graph = coo_matrix((cost, (pairs[:, 0], pairs[:, 1])), shape=(len(index), len(index)))
    kept = minimum_spanning_tree(graph.tocsr()).tocoo()
    neighbours: list[list[int]] = [[] for _ in range(len(index))]
    for a, b in sorted(zip(kept.row.tolist(), kept.col.tolist())):
        neighbours[a].append(b)
        neighbours[b].append(a)
    return Skeleton(points, radius, neighbours)


def walk(skeleton: Skeleton, start: int, towards: int) -> list[int]:
    """Indices from `start` over `towards` to the next tip or junction, both ends included."""
    path = [start, towards]
    while len(skeleton.neighbours[path[-1]]) == 2:
        a, b = skeleton.neighbours[path[-1]]
        path.append(b if a == path[-2] else a)
    return path


def length_mm(points: np.ndarray) -> float:
    """Length of a polyline (N, 3)."""
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def prune(skeleton: Skeleton, spur_mm: float = 2.0) -> None:
    """Cut, shortest first, every side twig that stands out of its parent's wall by less than `spur_mm`.

    A twig's length counts from the wall: what it has inside the parent's inscribed sphere is no vessel.
    """
    while True:
        tips = [i for i, n in enumerate(skeleton.neighbours) if len(n) == 1]
        twigs = [walk(skeleton, tip, skeleton.neighbours[tip][0]) for tip in tips]
        twigs = [t for t in twigs if len(skeleton.neighbours[t[-1]]) > 2]
        stands_out = [length_mm(skeleton.points[t]) - skeleton.radius[t[-1]] for t in twigs]
        if not twigs or min(stands_out) >= spur_mm:
            return
        twig = twigs[int(np.argmin(stands_out))]
        for a, b in zip(twig[:-1], twig[1:]):
            skeleton.neighbours[a].remove(b)
            skeleton.neighbours[b].remove(a)
