"""A volume seen in windows whose probabilities, not logits, are averaged where they overlap."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from monai.inferers import SlidingWindowInferer
from torch import nn

__all__ = ["ProbabilityWindows"]


class ProbabilityWindows(SlidingWindowInferer):
    """`SlidingWindowInferer` for a network of sigmoids: a window that is unsure stays unsure in the mean.

    A mean of logits lets one sure window outvote three that see nothing. Other arguments are MONAI's.

    Args:
        outputs: of a network with several, how many are taken; the first is the lumen's. None takes all.

    Shapes:
        (B, 1, X, Y, Z) to probabilities (B, outputs, X, Y, Z), float32.
    """

    def __init__(self, *args: Any, outputs: int | None = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outputs = outputs

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:
        return super().__call__(inputs, partial(self.probability, network), *args, **kwargs)

    def probability(
        self, network: nn.Module, windows: torch.Tensor, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Probabilities (B, outputs, X, Y, Z), float32, of a batch of windows."""
        return network(windows, *args, **kwargs)[:, : self.outputs].float().sigmoid()
