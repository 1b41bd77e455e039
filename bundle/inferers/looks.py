"""One volume looked at with voxels of several sizes, and the mean of what is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from bundle.common.errors import InputError

__all__ = ["check_looks", "mean_of_looks"]

_SAME = 0.005  # of a voxel size: no other look


def check_looks(looks_mm: Sequence[float], spacing_mm: float) -> tuple[float, ...]:
    """The sizes of voxels, as floats.

    Raises:
        InputError: none, or one that is finer than the volume, which has no such detail.
    """
    looks = tuple(float(look) for look in looks_mm)
    if not looks or min(looks) < spacing_mm * (1 - _SAME):
        raise InputError(
            f"looks_mm is {list(looks)} at a spacing_mm of {spacing_mm:g}; give one size of voxels or more, "
            "none under spacing_mm."
        )
    return looks


def mean_of_looks(
    volume: torch.Tensor,
    spacing_mm: float,
    looks_mm: Sequence[float],
    look: Callable[[torch.Tensor, float], torch.Tensor],
) -> torch.Tensor:
    """The mean of the probabilities that a network gives for a volume at several sizes of voxels.

    A network errs in another way where vessels come in another size. Source: test-time augmentation by scale
    (Wang et al., Neurocomputing 338, 2019); docs/results/native.md has what it is worth.

    Args:
        volume: (C, X, Y, Z).
        spacing_mm: of the volume, along every axis.
        looks_mm: sizes of voxels, none under ``spacing_mm``.
        look: from a volume and the size of its voxels to probabilities (outputs, X', Y', Z').

    Returns:
        (outputs, X, Y, Z), float32.
    """
    size, total = volume.shape[1:], None
    for mm in looks_mm:
        scale = spacing_mm / mm
        if abs(scale - 1) <= _SAME:
            said = look(volume, spacing_mm)
        else:
            coarser = [max(round(n * scale), 1) for n in size]
            said = _resized(look(_resized(volume, coarser), mm), size)
        total = said if total is None else total.add_(said)
    return total if len(looks_mm) == 1 else total.div_(len(looks_mm))


def _resized(volume: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    return functional.interpolate(volume[None].float(), tuple(size), mode="trilinear")[0]
