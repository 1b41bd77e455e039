"""A vessel's wall with few triangles, for a viewer in a web page."""

from __future__ import annotations

import numpy as np
import pyvista as pv

from bundle.geometry.core import find_vessels

from .extract import vessel_surface
from .smoothing import windowed_sinc

__all__ = ["preview_surface"]


def preview_surface(
    mask: np.ndarray,
    affine: np.ndarray,
    probability: np.ndarray | None = None,
    max_triangles: int = 8000,
    min_part_mm3: float = 10.0,
) -> pv.PolyData:
    """The smoothed wall with at most about `max_triangles`, RAS mm, to look at and not to measure.

    Unlike `decimate` it takes all parts at once, also those of a rough early prediction, and promises neither
    a closed mesh nor its volume.

    Args:
        mask: (X, Y, Z), > 0 is lumen. affine: (4, 4) voxel to RAS mm.
        probability: (X, Y, Z) in 0..1, places the wall between voxels.
        min_part_mm3: parts of the mask that are smaller are dropped: an early prediction is full of specks,
            and no `KeepComponents` stands before a dashboard.

    Returns:
        A mesh without points where the mask is empty or holds only specks.

    Raises:
        ValueError: wrong shapes or a bad affine.
    """
    vessels = find_vessels(mask, affine, probability, min_part_mm3=min_part_mm3)
    mesh = pv.PolyData() if vessels is None else vessel_surface(vessels)
    if mesh.n_cells == 0:
        return mesh
    mesh = windowed_sinc(mesh)
    return mesh if mesh.n_cells <= max_triangles else mesh.decimate(1.0 - max_triangles / mesh.n_cells)
