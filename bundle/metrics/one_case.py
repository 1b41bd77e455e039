"""Every figure of one case, from its two masks."""

from __future__ import annotations

import numpy as np
import torch
from monai.metrics import compute_dice

from bundle.common.crop import Region, region_of

from .cldice import cldice_of_lines
from .lines import Line, line_of_mask
from .surface_distance import surface_distances
from .topology import betti_numbers
from .tree import false_length_by_tissue, tree_metrics

__all__ = ["case_metrics", "dice"]


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Dice of two masks of one shape (MONAI's `compute_dice`): 0 where one is empty, NaN where both are."""
    region = region_of((prediction > 0) | (truth > 0), margin=0)
    if region is None:
        return float("nan")
    first, second = (torch.from_numpy(region.take(mask) > 0)[None, None] for mask in (prediction, truth))
    # MONAI says NaN whenever the truth is empty; a prediction of something there is wrong, not undefined.
    return float(compute_dice(first, second, include_background=True, ignore_empty=False))


def case_metrics(
    prediction: np.ndarray,
    truth: np.ndarray,
    affine: np.ndarray,
    true_line: Line | None = None,
    tissue: np.ndarray | None = None,
) -> dict[str, float]:
    """The figures of two masks (X, Y, Z) on one grid, those of the centreline first.

    Dice and the distances of walls depend on how wide the label was drawn; the centreline and the number of
    parts and loops do not. ``cldice``, those of `tree_metrics`, ``parts, betti0_error, betti1_error`` (the
    predicted number of 26-connected parts; how far it and the number of loops are from the truth's),
    ``dice, hd95_mm, assd_mm``; with a tissue map those of `false_length_by_tissue`.

    Args:
        prediction, truth: > 0 is foreground.
        affine: 4x4, RAS mm, of both.
        true_line: an analytic centreline of the truth; by default the skeleton of its mask, with radii from
            its distance to the wall.
        tissue: (X, Y, Z), the codes of `false_length_by_tissue`.

    Both masks empty: NaN, and no Betti error. Exactly one empty: Dice, clDice and F1 0, the distances the
    diagonal of the scan. Each function says so for itself.

    Raises:
        ValueError: where the shapes differ.

    Example:
        >>> case_metrics(mask, mask, affine)["dice"]
        1.0
    """
    distances = surface_distances(prediction, truth, affine)
    region = region_of((prediction > 0) | (truth > 0), margin=2) or Region((0, 0, 0), (1, 1, 1))
    prediction, truth = (region.take(mask) > 0 for mask in (prediction, truth))
    affine = region.affine(affine)
    lines = [line_of_mask(mask, affine) for mask in (prediction, truth)]
    found, true = lines[0], lines[1] if true_line is None else true_line
    betti, true_betti = betti_numbers(prediction), betti_numbers(truth)
    figures = {
        "cldice": cldice_of_lines(*(line.voxels for line in lines), prediction, truth),
        **tree_metrics(found, true),
        "parts": betti[0],
        "betti0_error": abs(betti[0] - true_betti[0]),
        "betti1_error": abs(betti[1] - true_betti[1]),
        "dice": dice(prediction, truth),
        **distances,
    }
    if tissue is not None:
        figures |= false_length_by_tissue(found, true, region.take(tissue), affine)
    return figures
