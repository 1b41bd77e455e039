"""The lumen's logit of a network that has others beside it."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import SimpleInferer
from torch import nn

__all__ = ["LumenInferer"]


class LumenInferer(SimpleInferer):
    """`SimpleInferer` of a network that says more than the lumen, which is its first output.

    Shapes:
        (B, 1, X, Y, Z) to logits (B, 1, X, Y, Z).
    """

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:
        return super().__call__(inputs, network, *args, **kwargs)[:, :1]
