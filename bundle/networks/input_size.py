"""Whether a network takes volumes of a size, before one is given to it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from bundle.common.errors import InputError

__all__ = ["check_input_size"]


def check_input_size(network: nn.Module, spatial_size: Sequence[int]) -> None:
    """Check the size that scans are brought to against the network's ``factor``; one without takes any size.

    Raises:
        InputError: not three positive whole numbers, or a side that the network cannot halve often enough.
    """
    sizes = list(spatial_size)
    if len(sizes) != 3 or any(size != int(size) or size < 1 for size in sizes):
        raise InputError(f"spatial_size is {sizes}; it must be three whole numbers, such as [128, 128, 64].")
    factor = getattr(network, "factor", 1)
    if any(size % factor for size in sizes):
        near = [max(factor, round(size / factor) * factor) for size in sizes]
        raise InputError(
            f"spatial_size is {sizes}; every side must be a multiple of {factor} "
            f"for this network, such as {near}."
        )
