"""Copies of volumes in another order in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["copied_by_planes"]


def copied_by_planes(
    volume: np.ndarray,
    dtype: DTypeLike,
    order: Literal["C", "F"],
    function: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """A copy of a volume, made one plane of x and z at a time.

    Image files hold x fastest and tensors z. Copied in one go from the one to the other, each voxel lies far
    from the one before; a plane fits into the processor's cache, which takes a fifth to a tenth of the time.

    Args:
        volume: (X, Y, Z), in any order in memory; may be mapped from a file.
        dtype: of the copy.
        order: of the copy in memory: "C" has z fastest, "F" x.
        function: from a plane (X, Z) to what is stored of it, so that no second volume is needed.

    Returns:
        (X, Y, Z).
    """
    out = np.empty(volume.shape, dtype, order)
    for y in range(volume.shape[1]):
        plane = volume[:, y]
        out[:, y] = plane if function is None else function(plane)
    return out
