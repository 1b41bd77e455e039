"""Dice + BCE of the lumen, its centreline's recall, and with less weight cardiac veins and the aorta."""

from __future__ import annotations

import torch
from monai.losses import DiceCELoss
from torch import nn


class LumenAndNeighbours(nn.Module):
    """The lumen's loss plus `weight` times the mean loss of the other channels, each a sigmoid of its own.

    Each channel has Dice + binary cross-entropy, as configs/train.yaml has it for the lumen alone; Dice is
    taken over the batch, for a crop may hold no vessel at all. The network learns to say what a vein is
    (Wang et al., AVDNet, 2023, learn arteries and veins jointly); only channel 0 is used afterwards.

    With targets of one channel more than the logits, the last one marks the voxels of the lumen's centreline,
    and the part of them that the lumen's probability leaves out is added (skeleton recall, Kirchhoff et al.,
    ECCV 2024). A millimetre of a thin vessel then weighs as much as one of a wide vessel. The phantom knows
    its centreline, so nothing is thinned.

    Args:
        weight: of the mean loss of the channels past the first; 0 leaves them out.
        recall_weight: of the centreline's part that is missed.

    Shapes:
        logits (B, C, X, Y, Z), targets (B, C or C + 1, X, Y, Z) in [0, 1]; returns a scalar. ``parts`` holds
        the last loss of each channel, and of the centreline where it is given, detached.

    Raises:
        ValueError: shapes that do not go together.
    """

    def __init__(self, weight: float = 0.3, recall_weight: float = 0.0) -> None:
        super().__init__()
        self.weight, self.recall_weight = weight, recall_weight
        self.loss = DiceCELoss(sigmoid=True, squared_pred=True, batch=True)
        self.parts: list[torch.Tensor] = []

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        count, further = logits.shape[1], targets.shape[1] - logits.shape[1]
        if further not in (0, 1) or logits[:, 0].shape != targets[:, 0].shape:
            raise ValueError(f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)} differ.")
        losses = [self.loss(logits[:, k : k + 1], targets[:, k : k + 1]) for k in range(count)]
        total = losses[0]
        if self.weight and count > 1:
            total = total + self.weight * torch.stack(losses[1:]).mean()
        if further:
            line = targets[:, -1]
            losses.append(1 - ((logits[:, 0].sigmoid() * line).sum() + 1) / (line.sum() + 1))
            total = total + self.recall_weight * losses[-1]
        self.parts = [loss.detach() for loss in losses]
        return total
