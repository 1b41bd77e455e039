"""A mask's connected parts with their centrelines, and what is measured of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from bundle.common.coordinates import (
    ras_to_lps,
    voxel_size_mm,
    voxel_to_world,
    voxel_volume_mm3,
    world_to_voxel,
)
from bundle.common.parts import number_parts

from .skeleton import Skeleton, fill_pits, prune, skeletonise
from .tree_rule import Part, TreeRule

__all__ = ["Parts", "measure_parts", "parts_of"]


@dataclass
class Parts:
    """A mask's parts, numbered from 1 on, of which several may come together in a group.

    mask: (X, Y, Z) bool; skeleton: of all; nodes_at: (K, 3) voxels of its nodes; part_of: (K,).
    voxels: (N, 3), the mask's; points: (N, 3) RAS mm, the same; label_of: (N,).
    group: (count + 1,) by the number of a part.
    """

    mask: np.ndarray
    skeleton: Skeleton
    nodes_at: np.ndarray
    part_of: np.ndarray
    voxels: np.ndarray
    points: np.ndarray
    label_of: np.ndarray
    group: np.ndarray

    def points_of(self, number: int) -> np.ndarray:
        """Voxels of a group, RAS mm."""
        return self.points[self.group[self.label_of] == number]


def parts_of(mask: np.ndarray, affine: np.ndarray, rule: TreeRule, known: dict[bytes, np.ndarray]) -> Parts:
    """The parts of a bool mask (X, Y, Z) with a free border, pits filled and without specks.

    Args:
        affine: (4, 4) voxel to RAS mm.
        known: skeletons of parts, see `skeletonise`.
    """
    least = int(np.ceil(rule.speck_mm3 / voxel_volume_mm3(affine)))
    voxels = fill_pits(mask)
    label_of = number_parts(voxels, least)
    voxels, label_of = voxels[label_of > 0], label_of[label_of > 0]
    solid = np.zeros_like(mask)
    solid[tuple(voxels.T)] = True
    skeleton = skeletonise(solid, affine, known=known)
    prune(skeleton)
    at = np.rint(world_to_voxel(skeleton.points, affine)).astype(int)
    group = np.arange(int(label_of.max(initial=0)) + 1)
    points = voxel_to_world(voxels, affine)
    # The nearest voxel's: pits are filled once more before the thinning, so a node may lie beside the mask.
    part_of = label_of[cKDTree(points).query(skeleton.points)[1]]
    return Parts(solid, skeleton, at, part_of, voxels, points, label_of, group)


def measure_parts(parts: Parts, chances: list[np.ndarray], affine: np.ndarray) -> dict[int, Part]:
    """Every group by its number, with the means of probabilities (K,) of lumen and vein at the nodes."""
    skeleton, size = parts.skeleton, len(parts.group)
    edges = np.array(skeleton.graph.edges, int).reshape(-1, 2)
    steps = np.linalg.norm(skeleton.points[edges[:, 0]] - skeleton.points[edges[:, 1]], axis=1)
    nodes, voxels = parts.group[parts.part_of], parts.group[parts.label_of]
    length = np.bincount(nodes[edges[:, 0]], steps, size)
    count = np.maximum(np.bincount(nodes, minlength=size), 1)
    means = [np.bincount(nodes, chance, size) / count for chance in chances]
    volume = np.bincount(voxels, minlength=size) * voxel_volume_mm3(affine)
    width = 2 * np.sqrt(volume / np.pi / np.maximum(length, voxel_size_mm(affine).max()))
    found = {}
    for number in map(int, np.unique(parts.group[1:])):
        place = ras_to_lps(parts.points_of(number).mean(axis=0)).round(1).tolist()
        values = (float(array[number]) for array in (length, volume, width, *means))
        found[number] = Part(*(round(value, 2) for value in values), place)
    return found
