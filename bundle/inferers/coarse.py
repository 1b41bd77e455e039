"""The whole volume in one look at low resolution."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import nn

from bundle.common.resize import resize_volume
from bundle.networks import load_weights

__all__ = ["CoarseLook"]


class CoarseLook:
    """The probability that a network of whole volumes gives, at its own size.

    The weights are read when they are first needed.

    Args:
        network: of one logit.
        ckpt_path: its weights.
        spatial_size: voxels that it takes; the volume is brought to it by area averaging.

    Raises:
        InputError: when first called, for weights that are missing or of another architecture.
    """

    def __init__(self, network: nn.Module, ckpt_path: str | os.PathLike, spatial_size: Sequence[int]) -> None:
        self.network, self.ckpt_path, self.spatial_size = network, ckpt_path, tuple(spatial_size)
        self._is_loaded = False

    def __call__(self, volume: torch.Tensor) -> torch.Tensor:
        """(1, X, Y, Z) scaled as the network was trained, to probabilities (*spatial_size), float32."""
        if not self._is_loaded:
            load_weights(self.network, self.ckpt_path)
            self.network = self.network.to(volume.device).eval()
            self._is_loaded = True
        small = resize_volume(volume, self.spatial_size, "area")[None]
        return self.network(small)[0, 0].float().sigmoid()
