"""clDice: how much of each centreline lies inside the other mask."""

from __future__ import annotations

import numpy as np

from bundle.common.coordinates import voxels_of
from bundle.common.crop import region_of
from bundle.common.thinning import skeleton

__all__ = ["centerline_dice", "cldice_of_lines"]


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
    return cldice_of_lines(_skeleton_of(prediction), _skeleton_of(truth), prediction, truth)


def cldice_of_lines(
    predicted_line: np.ndarray, true_line: np.ndarray, prediction: np.ndarray, truth: np.ndarray
) -> float:
    """clDice, given the voxels (N, 3) of both skeletons."""
    if len(predicted_line) == 0 and len(true_line) == 0:
        return float("nan")
    if len(predicted_line) == 0 or len(true_line) == 0:
        return 0.0
    precision = np.count_nonzero(truth[tuple(predicted_line.T)]) / len(predicted_line)
    sensitivity = np.count_nonzero(prediction[tuple(true_line.T)]) / len(true_line)
    total = precision + sensitivity
    return float(2 * precision * sensitivity / total) if total else 0.0


def _skeleton_of(mask: np.ndarray) -> np.ndarray:
    region = region_of(mask, margin=1)
    if region is None:
        return np.zeros((0, 3), int)
    return voxels_of(skeleton(region.take(mask) > 0)) + region.low
