"""Dice + BCE of the lumen, and with less weight of what is taken for it: cardiac veins and the aorta."""

from __future__ import annotations

import torch
from monai.losses import DiceCELoss
from torch import nn


class LumenAndNeighbours(nn.Module):
    """The lumen's loss plus `weight` times the mean loss of the other channels, each a sigmoid of its own.

    Each channel has Dice + binary cross-entropy, as configs/train.yaml has it for the lumen alone; Dice is
    taken over the batch, for a crop may hold no vessel at all. The network learns to say what a vein is
    (Wang et al., AVDNet, 2023, learn arteries and veins jointly); only channel 0 is used afterwards.

    Args:
        weight: of the mean loss of the channels past the first; 0 leaves them out.

    Shapes:
        logits and targets (B, C, X, Y, Z), targets in [0, 1]; returns a scalar. ``parts`` holds the last
        loss of each channel, detached.
    """

    def __init__(self, weight: float = 0.3) -> None:
        super().__init__()
        self.weight = weight
        self.loss = DiceCELoss(sigmoid=True, squared_pred=True, batch=True)
        self.parts: list[torch.Tensor] = []

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if logits.shape != targets.shape:
            raise ValueError(f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)} differ.")
        losses = [self.loss(logits[:, k : k + 1], targets[:, k : k + 1]) for k in range(logits.shape[1])]
        self.parts = [loss.detach() for loss in losses]
        total = losses[0]
        if self.weight and len(losses) > 1:
            total = total + self.weight * torch.stack(losses[1:]).mean()
        return total
