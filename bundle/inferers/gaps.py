"""Gaps between the parts of a mask."""

from __future__ import annotations

from typing import NamedTuple

import cc3d
import numpy as np
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxels_of
from bundle.common.crop import region_of

__all__ = ["Gap", "gaps_of"]


class Gap(NamedTuple):
    """Between two parts: its middle in voxels, (3,), and how far it reaches, mm."""

    center: np.ndarray
    length_mm: float


def gaps_of(mask: np.ndarray, voxel_mm: float, least_mm3: float, length_mm: tuple[float, float]) -> list[Gap]:
    """Where two parts of ``mask`` (X, Y, Z, bool) come near each other, the shortest gap first.

    Args:
        voxel_mm: edge of a voxel, mm.
        least_mm3: smaller parts (26-connected) are left out.
        length_mm: least and greatest distance of the nearest voxels of two parts, mm.
    """
    region = region_of(mask, margin=0)
    if region is None:
        return []
    parts = cc3d.connected_components(region.take(mask), connectivity=26)
    cc3d.dust(parts, threshold=int(np.ceil(least_mm3 / voxel_mm**3)), connectivity=26, in_place=True)
    voxels = voxels_of(parts > 0)
    number = parts[tuple(voxels.T)]
    trees = {part: cKDTree(voxels[number == part] * voxel_mm) for part in np.unique(number)}
    found = []
    for first, tree in trees.items():
        for second, other in trees.items():
            is_near = (other.mins - length_mm[1] <= tree.maxes) & (tree.mins - length_mm[1] <= other.maxes)
            if second <= first or not is_near.all():
                continue
            distance, nearest = tree.query(other.data, distance_upper_bound=length_mm[1])
            least = distance.min()
            if length_mm[0] <= least <= length_mm[1]:
                ends = distance == least  # of a flat end all, whose middle is on the axis
                middle = (other.data[ends] + tree.data[nearest[ends]]).mean(axis=0) / 2 / voxel_mm
                found.append(Gap(middle + region.low, float(least)))
    return sorted(found, key=lambda gap: gap.length_mm)
