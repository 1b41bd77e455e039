"""A loss of the distance from the lumen's wall."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class BoundaryLoss(nn.Module):
    """Mean of the probability times the signed distance to the target's wall (Kervadec et al., MIDL 2019).

    Wrong voxels cost the more the farther they lie from the wall, up to `reach`. The distance is counted in
    steps of a voxel to a neighbour (26), by max-pooling on the device. Alone it does not train a network; it
    is meant for a short last phase, or beside Dice.

    Args:
        reach: voxels; farther away the distance stays the same.

    Shapes:
        logits and targets (B, 1, X, Y, Z), targets in [0, 1]; returns a scalar in [-1, 1], over the voxels
        within `reach` of the wall. 0 where no target has a wall.
    """

    def __init__(self, reach: int = 3) -> None:
        super().__init__()
        self.reach = reach

    def signed_distance(self, targets: torch.Tensor) -> torch.Tensor:
        """(B, 1, X, Y, Z), negative inside, in voxels: -0.5 and 0.5 on both sides of the wall."""
        inside = (targets >= 0.5).float()
        distance = 0.5 - inside
        grown, rest = inside, 1 - inside
        for _ in range(self.reach):
            grown, rest = (F.max_pool3d(x, 3, 1, 1) for x in (grown, rest))
            distance += (1 - grown) - (1 - rest)
        return distance

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            distance = self.signed_distance(targets)
            near = (distance.abs() < self.reach).float()
        weighted = logits.sigmoid() * distance * near
        return weighted.sum() / near.sum().clamp(min=1) / self.reach
