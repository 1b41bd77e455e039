"""Where a mask is, as slices, so that only that part is worked on."""

from __future__ import annotations

import numpy as np

from bundle.common.crop import region_of


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Slices of the smallest box around the voxels > 0 of ``mask`` (X, Y, Z), or None where there are none.

    A vessel tree fills a small part of a scan: cropping first makes what follows several times faster.
    """
    region = region_of(mask, margin=0)
    if region is None:
        return None
    return tuple(slice(low, low + size) for low, size in zip(region.low, region.shape))
