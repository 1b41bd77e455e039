"""What has to be set before a training run starts."""

from __future__ import annotations

import os
from typing import Any

import torch
from monai.utils import set_determinism

from bundle.common.parsing import parse_bool
from bundle.networks import load_weights

__all__ = ["prepare_network", "set_seed"]


def set_seed(seed: int, deterministic: Any = True) -> None:
    """Seed every generator; without ``deterministic`` cuDNN may choose faster algorithms."""
    set_determinism(seed)
    exact = parse_bool(deterministic, "deterministic")
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = exact, not exact


def prepare_network(
    network: torch.nn.Module,
    weights: str | os.PathLike | None = None,
    channels_last: Any = False,
    compiled: Any = False,
) -> None:
    """Give the network its first weights, its memory layout, and compile it, all in place.

    Raises:
        InputError: the weights are missing or of another architecture, or a switch is neither true nor false.
    """
    if weights is not None:
        load_weights(network, weights)
    if parse_bool(channels_last, "channels_last"):
        network.to(memory_format=torch.channels_last_3d)
    if parse_bool(compiled, "compile"):
        network.compile(dynamic=False)
