"""The device that a run was given, looked at before anything is moved to it."""

from __future__ import annotations

import torch

from bundle.common.errors import InputError

__all__ = ["check_device"]


def check_device(device: torch.device | str) -> None:
    """Check that a device is there.

    Raises:
        InputError: no name of a device, or a GPU that PyTorch does not find.
    """
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError(
            f"device is {device!r}; it must be cpu, cuda, or cuda:1 for the second GPU."
        ) from None
    if wanted.type != "cuda":
        return
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus == 0:
        raise InputError(
            f"device is '{wanted}', and PyTorch finds no GPU here; leave it out or give --device cpu."
        )
    if (wanted.index or 0) >= gpus:
        raise InputError(f"device is '{wanted}', and there are {gpus} GPUs here, counted from cuda:0.")
