"""A mask's connected parts with their centrelines, and what is measured of each."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np

from bundle.common.coordinates import (
    ras_to_lps,
    voxel_size_mm,
    voxel_to_world,
    voxel_volume_mm3,
    voxels_of,
    world_to_voxel,
)

from .skeleton import Skeleton, fill_pits, prune, skeletonise
from .tree_rule import Part, TreeRule

__all__ = ["Parts", "measure_parts", "parts_of"]


@dataclass
class Parts:
    """A mask's parts, numbered from 1 on, of which several may come together in a group.

    labels: (X, Y, Z); skeleton: of all; nodes_at: (K, 3) voxels of its nodes; part_of: (K,).
    points: (N, 3) RAS mm, the mask's voxels; label_of: (N,).
    group: (count + 1,) by the number of a part.
    """

    labels: np.ndarray
    skeleton: Skeleton
    nodes_at: np.ndarray
    part_of: np.ndarray
    points: np.ndarray
    label_of: np.ndarray
    group: np.ndarray

    def points_of(self, number: int) -> np.ndarray:
        """Voxels of a group, RAS mm."""
        return self.points[self.group[self.label_of] == number]


def parts_of(mask: np.ndarray, affine: np.ndarray, rule: TreeRule) -> Parts:
    least = int(np.ceil(rule.speck_mm3 / voxel_volume_mm3(affine)))
    solid = cc3d.dust(fill_pits(mask), threshold=least, connectivity=26) > 0
    labels, count = cc3d.connected_components(solid, connectivity=26, return_N=True)
    skeleton = skeletonise(solid, affine, np.zeros_like(solid))
    prune(skeleton)
    voxels = voxels_of(solid)
    at = np.rint(world_to_voxel(skeleton.points, affine)).astype(int)
    points, of_voxels = voxel_to_world(voxels, affine), labels[tuple(voxels.T)]
    return Parts(labels, skeleton, at, labels[tuple(at.T)], points, of_voxels, np.arange(count + 1))


def measure_parts(parts: Parts, chances: list[np.ndarray], affine: np.ndarray) -> dict[int, Part]:
    """Every group by its number, with the means of probabilities (X, Y, Z) of lumen and vein."""
    skeleton, size = parts.skeleton, len(parts.group)
    edges = np.array(skeleton.graph.edges, int).reshape(-1, 2)
    steps = np.linalg.norm(skeleton.points[edges[:, 0]] - skeleton.points[edges[:, 1]], axis=1)
    nodes, voxels = parts.group[parts.part_of], parts.group[parts.label_of]
    at = parts.nodes_at
    length = np.bincount(nodes[edges[:, 0]], steps, size)
    count = np.maximum(np.bincount(nodes, minlength=size), 1)
    means = [np.bincount(nodes, chance[tuple(at.T)], size) / count for chance in chances]
    volume = np.bincount(voxels, minlength=size) * voxel_volume_mm3(affine)
    width = 2 * np.sqrt(volume / np.pi / np.maximum(length, voxel_size_mm(affine).max()))
    found = {}
    for number in map(int, np.unique(parts.group[1:])):
        place = ras_to_lps(parts.points_of(number).mean(axis=0)).round(1).tolist()
        values = (float(array[number]) for array in (length, volume, width, *means))
        found[number] = Part(*(round(value, 2) for value in values), place)
    return found
