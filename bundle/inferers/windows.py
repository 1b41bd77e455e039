"""A volume seen in windows whose probabilities, not logits, are averaged where they overlap."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import SlidingWindowInferer
from torch import nn

__all__ = ["ProbabilityWindows"]


class ProbabilityWindows(SlidingWindowInferer):
    """`SlidingWindowInferer` for a network of sigmoids: a window that is unsure stays unsure in the mean.

    A mean of logits lets one sure window outvote three that see nothing. Of a network with several outputs
    the first is taken, the lumen's. Arguments are MONAI's.

    Shapes:
        (B, 1, X, Y, Z) to probabilities (B, 1, X, Y, Z), float32.
    """

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:
        def probability(windows: torch.Tensor, *more: Any, **options: Any) -> torch.Tensor:
            return network(windows, *more, **options)[:, :1].float().sigmoid()

        return super().__call__(inputs, probability, *args, **kwargs)
