"""The thin skeleton of a mask as a graph without loops and spurs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm, voxel_to_world, voxels_of
from bundle.common.thinning import shell, skeleton


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
    wall = voxel_to_world(voxels_of(shell(lumen)), affine)
    return np.maximum(cKDTree(wall).query(points)[0] - 0.5 * voxel_size_mm(affine).mean(), 0.05)


def fill_pits(mask: np.ndarray) -> np.ndarray:
    """The mask with those background voxels that have more than 60 % of lumen among their 26 neighbours.

    A rough wall has pits and tunnels, around which a skeleton makes loops and twigs.
    """
    return mask | (uniform_filter(mask.astype(np.float32), size=3) > 0.6 * 26 / 27)


def skeletonise(mask: np.ndarray, affine: np.ndarray, wall: np.ndarray | None = None) -> Skeleton:
    """The skeleton of a bool mask (X, Y, Z) with a free border as a forest, not through `wall` (X, Y, Z).

    Of every loop the thinnest link goes (a maximal spanning tree over the wall distance): where two vessels
    touch, that is the place of contact, because the lumen is narrowest there.
    """
    filled = fill_pits(mask)
    index = voxels_of(skeleton(filled if wall is None else filled & ~wall))
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


def _is_stump(radius: np.ndarray) -> bool:
    """Whether a twig's outer half is thick: `radius` (N,) from its tip to its parent's middle."""
    return float(np.median(radius[: max(1, len(radius) // 2)])) >= 0.5 * radius[-1]


def prune(skeleton: Skeleton, spur_mm: float = 2.0) -> None:
    """Cut, shortest first, every side twig that stands out of its parent's wall by less than `spur_mm`.

    A twig's length counts from the wall: what it has inside the parent's inscribed sphere is no vessel. One
    that stays as thick as half its parent is none but a short vessel, such as a left main: on a twig from the
    middle to the wall the wall distance falls to nothing.
    """
    while True:
        tips = [i for i, n in enumerate(skeleton.neighbours) if len(n) == 1]
        twigs = [walk(skeleton, tip, skeleton.neighbours[tip][0]) for tip in tips]
        twigs = [t for t in twigs if len(skeleton.neighbours[t[-1]]) > 2]
        twigs = [t for t in twigs if not _is_stump(skeleton.radius[t])]
        stands_out = [length_mm(skeleton.points[t]) - skeleton.radius[t[-1]] for t in twigs]
        if not twigs or min(stands_out) >= spur_mm:
            return
        twig = twigs[int(np.argmin(stands_out))]
        for a, b in pairwise(twig):
            skeleton.neighbours[a].remove(b)
            skeleton.neighbours[b].remove(a)


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
    for point in added:
        skeleton.points = np.concatenate([skeleton.points, point[None]])
        skeleton.radius = np.append(skeleton.radius, radius)
        skeleton.neighbours.append([tip])
        skeleton.neighbours[tip].append(len(skeleton.points) - 1)
        tip = len(skeleton.points) - 1
    return tip
