"""How much of the centreline the prediction leaves out."""

from __future__ import annotations

import torch
from torch import nn


class CenterlineRecall(nn.Module):
    """1 - (sum of the probability over the centreline's voxels) / (their number).

    A millimetre of a thin vessel weighs as much as one of a wide vessel. Skeleton recall (Kirchhoff et al.,
    ECCV 2024) with a centreline that is known: nothing is thinned, nothing dilated.

    Shapes:
        logits and centerline (B, 1, X, Y, Z); returns a scalar in [0, 1], taken over the batch.
    """

    def forward(self, logits: torch.Tensor, centerline: torch.Tensor) -> torch.Tensor:
        return 1 - ((logits.sigmoid() * centerline).sum() + 1) / (centerline.sum() + 1)
