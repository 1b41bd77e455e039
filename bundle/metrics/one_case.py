"""Every figure of one case, from its two masks."""

from __future__ import annotations

import cc3d
import numpy as np
import torch
from monai.metrics import compute_dice

from bundle.common.crop import region_of

from .cldice import centerline_dice
from .surface_distance import surface_distances

__all__ = ["betti0_error", "case_metrics", "count_components", "dice"]


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Dice of two masks of one shape (MONAI's `compute_dice`): 0 where one is empty, NaN where both are."""
    region = region_of((prediction > 0) | (truth > 0), margin=0)
    if region is None:
        return float("nan")
    first, second = (torch.from_numpy(region.take(mask) > 0)[None, None] for mask in (prediction, truth))
    # MONAI says NaN whenever the truth is empty; a prediction of something there is wrong, not undefined.
    return float(compute_dice(first, second, include_background=True, ignore_empty=False))


def count_components(mask: np.ndarray) -> int:
    """Number of 26-connected components of the voxels > 0 of ``mask`` (X, Y, Z): its Betti number 0."""
    region = region_of(mask, margin=0)
    if region is None:
        return 0
    return int(cc3d.connected_components(region.take(mask) > 0, connectivity=26, return_N=True)[1])


def betti0_error(prediction: np.ndarray, truth: np.ndarray) -> int:
    """``|b0(prediction) - b0(truth)|``: always finite; an empty mask has no component."""
    return abs(count_components(prediction) - count_components(truth))


def case_metrics(prediction: np.ndarray, truth: np.ndarray, affine: np.ndarray) -> dict[str, float]:
    """``dice, cldice, hd95_mm, assd_mm, betti0_error`` of two masks (X, Y, Z) on one grid.

    Args:
        prediction, truth: > 0 is foreground.
        affine: 4x4, RAS mm, of both.

    Both masks empty: NaN, and a Betti-0 error of 0. Exactly one empty: Dice and clDice 0, the distances the
    diagonal of the scan. Each function says so for itself.

    Example:
        >>> case_metrics(mask, mask, affine)["dice"]
        1.0
    """
    return {
        "dice": dice(prediction, truth),
        "cldice": centerline_dice(prediction, truth),
        **surface_distances(prediction, truth, affine),
        "betti0_error": betti0_error(prediction, truth),
    }
