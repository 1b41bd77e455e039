"""The aorta, where a mask holds it beside the coronaries."""

from __future__ import annotations

from dataclasses import replace

import cc3d
import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt, minimum_filter1d, zoom
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm, voxel_to_world
from bundle.geometry.core import Vessels

__all__ = ["find_aorta", "without_aorta"]

_STEP = 2  # the aorta is wide: every second voxel is enough to find it


def find_aorta(mask: np.ndarray, affine: np.ndarray, min_radius_mm: float = 6.0) -> np.ndarray | None:
    """Voxels, (X, Y, Z) bool, of a vessel wider than any coronary; None where there is none.

    The opening of the mask by a ball of `min_radius_mm`, a voxel wider, so that no rim is left behind.
    """
    coarse = mask[::_STEP, ::_STEP, ::_STEP] > 0
    spacing = _STEP * voxel_size_mm(affine)
    if not _may_hold(coarse, spacing, min_radius_mm):
        return None
    core = distance_transform_edt(coarse, sampling=spacing) >= min_radius_mm
    if not core.any():
        return None
    near = distance_transform_edt(~core, sampling=spacing) <= min_radius_mm + spacing.max()
    full = zoom(near, _STEP, order=0, grid_mode=True, mode="nearest")
    sized = np.zeros(mask.shape, bool)
    common = tuple(slice(0, min(a, b)) for a, b in zip(mask.shape, full.shape))
    sized[common] = full[common]
    return sized & (mask > 0)


def _may_hold(mask: np.ndarray, spacing: np.ndarray, radius_mm: float) -> bool:
    """Whether the middle of a ball may lie in a mask (X, Y, Z): one has room along all axes.

    A quick look that saves the distance transform of most scans.
    """
    room = np.ones(mask.shape, bool)
    for axis, step in enumerate(spacing):
        size = 2 * (int(np.ceil(radius_mm / step)) - 1) + 1
        room &= minimum_filter1d(mask.view(np.uint8), size, axis=axis, mode="nearest") > 0
        if not room.any():
            return False
    return True


def without_aorta(vessels: Vessels) -> Vessels:
    """The vessels less the aorta, whose wall is kept as a place for ostia; the same where there is none.

    Crumbs that the removal leaves on the aorta's wall, nowhere further than 4 mm from it, go too.
    """
    aorta = find_aorta(vessels.mask, vessels.affine)
    if aorta is None:
        return vessels
    rim = np.argwhere(aorta & ~binary_erosion(aorta))
    wall = cKDTree(voxel_to_world(rim, vessels.affine))
    parts = cc3d.connected_components(vessels.mask & ~aorta, connectivity=26)
    voxels = np.argwhere(parts)
    away = wall.query(voxel_to_world(voxels, vessels.affine), distance_upper_bound=4.0)[0] > 4.0
    kept = np.unique(parts[tuple(voxels[away].T)])
    return replace(vessels, mask=np.isin(parts, kept), aorta_wall=wall.data)
