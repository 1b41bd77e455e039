"""The mask as a lumen: no specks, no cavities."""

from __future__ import annotations

import cc3d
import numpy as np


def clean_mask(mask: np.ndarray, voxel_mm3: float, min_part_mm3: float) -> np.ndarray:
    """A bool copy of `mask` (X, Y, Z) without 26-connected parts under `min_part_mm3`, cavities filled.

    A cavity is background that is not connected (6-connected) to the volume's corner; `mask` must leave its
    border free, as a padded crop does.
    """
    inside = np.ascontiguousarray(mask > 0)
    least = int(np.ceil(min_part_mm3 / voxel_mm3))
    if least > 1:
        inside = cc3d.dust(inside, threshold=least, connectivity=26)
    outside = cc3d.connected_components(~inside, connectivity=6)
    return outside != outside[0, 0, 0]
