"""What a person hands in as a mask: labels, floats, probabilities."""

from __future__ import annotations

import numpy as np

__all__ = ["read_mask"]


def _as_volume(array: np.ndarray) -> np.ndarray:
    """The array with three axes; trailing axes of one are dropped.

    Raises:
        ValueError: another number of axes, or numbers that are not finite.
    """
    array = np.asarray(array)
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise ValueError(f"a mask has three axes; this one has the shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("the mask holds NaN or infinite numbers")
    return array


_MOST_LABELS, _SHARE = 256, 0.5
"""More labels than these, in more than this part of the volume, are the intensities of a scan."""


def read_mask(
    array: np.ndarray, label: int | None = None, threshold: float = 0.5
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Mask, probability and remarks from an array of labels or of probabilities.

    Args:
        array: (X, Y, Z). Whole numbers are labels; fractions between 0 and 1 are probabilities.
        label: take only this label; without it everything > 0 is lumen.
        threshold: probability from which a voxel is lumen.

    Returns:
        mask (X, Y, Z) bool; the probability as float32, or None for labels; sentences to tell the user.

    Raises:
        ValueError: not a volume, fractions outside 0..1, a label that is not there, or a scan.

    Example:
        >>> lumen, probability, remarks = read_mask(np.array([[[0, 1, 2]]]), label=2)
        >>> lumen.tolist(), probability, remarks
        ([[[False, False, True]]], None, [])
        >>> read_mask(np.array([[[0.1, 0.7]]]))[0].tolist()
        [[[False, True]]]
    """
    array = _as_volume(array)
    whole = array.dtype.kind in "biu" or bool((array == np.rint(array)).all())
    if not whole:
        low, high = float(array.min()), float(array.max())
        if low < -1e-4 or high > 1 + 1e-4:
            raise ValueError(
                f"the numbers range from {low:g} to {high:g} and are not whole: a mask holds labels (whole "
                "numbers), a probability lies between 0 and 1"
            )
        if label is not None:
            raise ValueError(f"label {label} was asked for, but this is a probability map without labels")
        probability = np.clip(array, 0, 1).astype(np.float32)
        return probability >= threshold, probability, [f"read as a probability, lumen from {threshold:g}"]
    labels = np.unique(array)
    found = [int(v) for v in labels[labels != 0]]
    if len(found) > _MOST_LABELS and np.count_nonzero(array) > _SHARE * array.size:
        raise ValueError(
            f"this is a scan and not a mask: it holds {len(found)} different values from {found[0]} to "
            f"{found[-1]}; give the segmentation made of it"
        )
    if label is not None:
        if found and label not in found:
            raise ValueError(f"label {label} is not in the mask; it holds {_listed(found)}")
        return array == label, None, []
    remarks = []
    if len(found) > 1:
        listed = _listed(found)
        remarks.append(f"the mask holds the labels {listed}: all count as lumen; choose one by its number")
    if found and min(found) < 0:
        remarks.append("negative labels are taken as background")
    return array > 0, None, remarks


def _listed(labels: list[int]) -> str:
    shown = ", ".join(map(str, labels[:12]))
    return shown + (" ..." if len(labels) > 12 else "")
