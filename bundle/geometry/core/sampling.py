"""Values of a volume at points in the patient."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from bundle.common.coordinates import world_to_voxel

__all__ = ["sample_volume"]


def sample_volume(
    volume: np.ndarray, affine: np.ndarray, points_mm: np.ndarray, order: int = 1
) -> np.ndarray:
    """`volume` (X, Y, Z) at RAS points (N, 3), (N,) float32, interpolated (1: trilinear, 0: nearest).

    Outside the volume the nearest voxel's value is taken.
    """
    if len(points_mm) == 0:
        return np.zeros(0, np.float32)
    index = world_to_voxel(points_mm, affine).T
    return map_coordinates(volume, index, order=order, mode="nearest", prefilter=order > 1, output=np.float32)
