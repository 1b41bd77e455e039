"""Where coronary trees may begin: walls of the aorta and of other blood pools, as points."""

from __future__ import annotations

import numpy as np

from bundle.common.coordinates import (
    voxel_size_mm,
    voxel_to_world,
    voxel_volume_mm3,
    voxels_of,
    world_to_voxel,
)
from bundle.common.parts import number_parts
from bundle.common.thinning import rim

from .aorta import find_aorta

__all__ = ["aorta_wall", "blood_pool"]


def aorta_wall(
    aorta: np.ndarray, affine: np.ndarray, level: float = 0.5, least_mm3: float = 1000.0
) -> np.ndarray:
    """Points (N, 3), RAS mm, of the wall of an aorta (X, Y, Z), a mask or a probability, less what is small.

    Where the arch is outside the scan, ascending and descending aorta are two parts. A grid of every second
    voxel is enough.
    """
    inside = aorta >= level
    least = int(np.ceil(least_mm3 / voxel_volume_mm3(affine)))
    voxels = voxels_of(inside)
    inside[tuple(voxels[number_parts(voxels, least, connectivity=6) == 0].T)] = False
    return voxel_to_world(rim(inside), affine)


def blood_pool(image: np.ndarray, affine: np.ndarray, lumen_mm: np.ndarray) -> np.ndarray:
    """Points (N, 3), RAS mm, of the walls of regions as bright as a vessel and over 12 mm wide.

    Args:
        image: (X, Y, Z), any unit in which contrast is bright.
        affine: 4x4, RAS mm, of the image.
        lumen_mm: (M, 3) RAS mm, points inside vessels; the darkest quarter of them is thinner than a voxel.
    """
    step = np.maximum(np.rint(1.0 / voxel_size_mm(affine)), 1).astype(int)
    coarse = image[:: step[0], :: step[1], :: step[2]]
    grid = np.array(affine, float)
    grid[:3, :3] = grid[:3, :3] * step
    at = np.rint(world_to_voxel(lumen_mm, affine)).astype(int)
    at = at[((at >= 0) & (at < image.shape)).all(axis=1)]
    if len(at) == 0:
        return np.zeros((0, 3))
    pool = find_aorta(coarse >= np.percentile(image[tuple(at.T)], 25), grid)
    return np.zeros((0, 3)) if pool is None else voxel_to_world(rim(pool), grid)
