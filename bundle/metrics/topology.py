"""Betti numbers of a mask: its parts, its loops, its cavities."""

from __future__ import annotations

import cc3d
import numpy as np
from skimage.measure import euler_number

from bundle.common.crop import region_of

__all__ = ["betti_numbers", "count_components"]


def count_components(mask: np.ndarray) -> int:
    """Number of 26-connected components of the voxels > 0 of ``mask`` (X, Y, Z): its Betti number 0."""
    region = region_of(mask, margin=0)
    if region is None:
        return 0
    return int(cc3d.connected_components(region.take(mask) > 0, connectivity=26, return_N=True)[1])


def betti_numbers(mask: np.ndarray) -> tuple[int, int, int]:
    """Parts (26-connected), loops and enclosed cavities (6-connected) of the voxels > 0 of a mask (X, Y, Z).

    Loops follow from the Euler number, which is parts - loops + cavities: as many cuts as it takes to leave
    no ring.

    Example:
        >>> ring = np.ones((5, 5, 1), bool)
        >>> ring[1:4, 1:4] = False
        >>> betti_numbers(ring)
        (1, 1, 0)
    """
    region = region_of(mask, margin=1)
    if region is None:
        return 0, 0, 0
    inside = region.take(mask) > 0
    parts = cc3d.connected_components(inside, connectivity=26, return_N=True)[1]
    cavities = cc3d.connected_components(~inside, connectivity=6, return_N=True)[1] - 1
    loops = parts + cavities - int(euler_number(inside, connectivity=3))
    return parts, loops, cavities
