"""Cross-entropy of the lumen along the arteries and in the cardiac veins, which look alike."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .weighted import weighted_mean


class ArteryOrVein(nn.Module):
    """Half the mean binary cross-entropy of the lumen over the centreline, half that over the veins' voxels.

    In a mean over all voxels a vessel that is taken for another kind counts for little, and where the network
    is sure of its mistake Dice and the centreline's recall hardly pull it back: their gradients go to nothing
    with the probability. Those of cross-entropy do not. With a target that is a volume fraction it is least
    where the probability is that fraction, so that vessels become neither wider nor thinner.

    Shapes:
        logits, target, centerline and vein (B, 1, X, Y, Z) in [0, 1]; returns a scalar, taken over the batch;
        a half is 0 where there is none of its voxels.
    """

    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, centerline: torch.Tensor, vein: torch.Tensor
    ) -> torch.Tensor:
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (weighted_mean(entropy, centerline) + weighted_mean(entropy, vein)) / 2
