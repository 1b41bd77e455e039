"""One volume looked at with voxels of several sizes, and the mean of what is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from bundle.common.errors import InputError
from bundle.common.resize import resize_volume

__all__ = ["check_looks", "mean_of_looks"]


def check_looks(looks_mm: Sequence[float], spacing_mm: float | None) -> tuple[float, ...]:
    """The sizes of voxels, as floats.

    Raises:
        InputError: none, or one that is finer than volumes of ``spacing_mm``, which have no such detail.
    """
    looks = tuple(float(look) for look in looks_mm)
    if not looks or min(looks) < (spacing_mm or 1e-3):
        finest = "above 0" if spacing_mm is None else f"of {spacing_mm:g} mm, as the volumes have, or more"
        raise InputError(f"looks_mm is {list(looks_mm)}; give one size of voxels or several, all {finest}.")
    return looks


def mean_of_looks(
    volume: torch.Tensor,
    voxel_mm: Sequence[float],
    looks_mm: Sequence[float],
    look: Callable[[torch.Tensor, float], torch.Tensor],
) -> torch.Tensor:
    """The mean of the probabilities that a network gives for a volume at several sizes of voxels.

    A network errs in another way where vessels come in another size. Source: test-time augmentation by scale
    (Wang et al., Neurocomputing 338, 2019); docs/results/native.md has what it is worth. Volumes are resized
    as `ResizeToSpacingd` does it, probabilities back by linear interpolation.

    Args:
        volume: (C, X, Y, Z).
        voxel_mm: (3,) size of its voxels along the axes.
        looks_mm: sizes of voxels.
        look: from a volume and the size of its voxels to probabilities (outputs, X', Y', Z').

    Returns:
        (outputs, X, Y, Z), float32.
    """
    size, total = tuple(volume.shape[1:]), None
    for mm in looks_mm:
        seen = tuple(max(1, round(n * own / mm)) for n, own in zip(size, voxel_mm))
        said = look(volume if seen == size else _resized(volume, seen, "area"), mm)
        said = said if seen == size else _resized(said, size, "linear")
        total = said if total is None else total.add_(said)
    return total if len(looks_mm) == 1 else total.div_(len(looks_mm))


def _resized(volume: torch.Tensor, size: Sequence[int], mode: str) -> torch.Tensor:
    """`resize_volume` in float32, also where the network around it has 16 bits: those are steps of 6 HU."""
    with torch.autocast(volume.device.type, enabled=False):
        return resize_volume(volume, size, mode)
