"""clDice: how much of each centreline lies inside the other mask."""

from __future__ import annotations

import numpy as np

from bundle.common.crop import region_of
from bundle.common.thinning import skeleton

__all__ = ["centerline_dice"]


def centerline_dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """clDice of two masks of shape (X, Y, Z); > 0 is foreground.

    Source: Shit et al., "clDice - a novel topology-preserving loss function for tubular structure
    segmentation", CVPR 2021, the hard version: with S the skeleton (Lee's thinning) of a mask V, topology
    precision is ``|S_P & V_T| / |S_P|``, topology sensitivity ``|S_T & V_P| / |S_T|``, and clDice their
    harmonic mean. MONAI has it as a loss with soft skeletons only.

    Returns:
        0 to 1; 0 where exactly one mask is empty or nothing overlaps, NaN where both are empty.

    Raises:
        ValueError: where the shapes differ.

    Example:
        >>> line = np.zeros((9, 9, 20), bool)
        >>> line[4, 4, 2:18] = True
        >>> centerline_dice(line[:, :, :10], line[:, :, :10]), centerline_dice(line & False, line)
        (1.0, 0.0)
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} differ in shape.")
    prediction, truth = prediction > 0, truth > 0
    if not prediction.any() and not truth.any():
        return float("nan")
    if not prediction.any() or not truth.any():
        return 0.0
    precision = _fraction_inside(prediction, truth)
    sensitivity = _fraction_inside(truth, prediction)
    total = precision + sensitivity
    return float(2 * precision * sensitivity / total) if total else 0.0


def _fraction_inside(mask: np.ndarray, other: np.ndarray) -> float:
    """The fraction of ``mask``'s skeleton that lies in ``other``."""
    region = region_of(mask, margin=1)
    line = skeleton(region.take(mask))
    return np.count_nonzero(line & region.take(other)) / np.count_nonzero(line)
