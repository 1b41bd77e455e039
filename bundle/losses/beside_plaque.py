"""Cross-entropy of the lumen in and beside plaque, where a lumen is narrow and easily drawn too wide."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .weighted import weighted_mean


class BesidePlaque(nn.Module):
    """Mean binary cross-entropy of the lumen over the voxels that hold plaque and those next to them.

    Plaque is some voxels of a million: in a mean over all it counts for nothing, and a network draws vessels
    on through their narrowings. With a target that is a volume fraction it is least where the probability is
    that fraction, so that it makes no lumen thinner than it is.

    Shapes:
        logits, target and plaque (B, 1, X, Y, Z) in [0, 1]; returns a scalar, taken over the batch; 0 where
        there is no plaque.
    """

    def forward(self, logits: torch.Tensor, target: torch.Tensor, plaque: torch.Tensor) -> torch.Tensor:
        weight = functional.max_pool3d(plaque, 3, stride=1, padding=1)
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return weighted_mean(entropy, weight)
