"""Betti-0 error: how many pieces too many, or too few."""

from __future__ import annotations

import cc3d
import numpy as np

from bundle.common.crop import region_of

__all__ = ["betti0_error", "count_components"]


def count_components(mask: np.ndarray) -> int:
    """Number of 26-connected components of the voxels > 0 of ``mask`` (X, Y, Z): its Betti number 0."""
    region = region_of(mask, margin=0)
    if region is None:
        return 0
    return int(cc3d.connected_components(region.take(mask) > 0, connectivity=26, return_N=True)[1])


def betti0_error(prediction: np.ndarray, truth: np.ndarray) -> int:
    """``|b0(prediction) - b0(truth)|``: always finite; an empty mask has no component."""
    return abs(count_components(prediction) - count_components(truth))
