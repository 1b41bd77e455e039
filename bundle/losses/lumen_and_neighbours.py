"""Dice + BCE of the lumen and, with weights, of its neighbours; and what else is asked of the lumen."""

from __future__ import annotations

import torch
from monai.losses import DiceCELoss, SoftclDiceLoss
from torch import nn

from .artery_or_vein import ArteryOrVein
from .beside_plaque import BesidePlaque
from .boundary import BoundaryLoss
from .centerline_recall import CenterlineRecall


class LumenAndNeighbours(nn.Module):
    """A weighted sum of losses of the lumen's logit, and of those of the cardiac veins and the aorta.

    Each channel is a sigmoid of its own. Dice + binary cross-entropy is as configs/train.yaml has it for the
    lumen alone; Dice is taken over the batch, for a crop may hold no vessel at all. The network learns to say
    what a vein is (Wang et al., AVDNet, 2023, learn arteries and veins jointly). A term of weight 0 is not
    computed. The terms are the modules `lumen`, `neighbours`, `centerline`, `vessels`, `plaque`, `cldice`
    and `boundary`, which TensorBoard shows beside their sum.

    Args:
        cross_entropy: weight of BCE beside Dice; 0 leaves Dice alone.
        neighbours: of the mean Dice + BCE of the channels past the first.
        recall: of `CenterlineRecall`; the targets then have the centreline's voxels as one more channel.
        vessels: of `ArteryOrVein`; it needs the centreline's voxels too, and the veins' channel.
        plaque: of `BesidePlaque`; the targets then have the part of plaque as one more channel still.
        cldice: of soft clDice (Shit et al., CVPR 2021), MONAI's, with three rounds of soft thinning.
        boundary: of `BoundaryLoss`.

    Shapes:
        logits (B, C, X, Y, Z), targets (B, C to C + 2, X, Y, Z) in [0, 1]; returns a scalar.

    Raises:
        ValueError: shapes that do not go together.
    """

    def __init__(
        self,
        cross_entropy: float = 1.0,
        neighbours: float = 0.3,
        recall: float = 0.0,
        vessels: float = 0.0,
        plaque: float = 0.0,
        cldice: float = 0.0,
        boundary: float = 0.0,
    ) -> None:
        super().__init__()
        dice = {"sigmoid": True, "squared_pred": True, "batch": True, "lambda_ce": cross_entropy}
        self.weights = {"neighbours": neighbours, "centerline": recall, "vessels": vessels}
        self.weights |= {"plaque": plaque, "cldice": cldice, "boundary": boundary}
        self.lumen = DiceCELoss(**dice)
        self.neighbours = _MeanOfChannels(DiceCELoss(**dice))
        self.centerline = CenterlineRecall()
        self.vessels = ArteryOrVein()
        self.plaque = BesidePlaque()
        self.cldice = _SoftclDice()
        self.boundary = BoundaryLoss()

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        count = logits.shape[1]
        if targets.shape[1] - count not in (0, 1, 2) or logits[:, 0].shape != targets[:, 0].shape:
            raise ValueError(f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)} differ.")
        lumen, true_lumen = logits[:, :1], targets[:, :1]
        given = {"cldice": (lumen, true_lumen), "boundary": (lumen, true_lumen)}
        if count > 1:
            given["neighbours"] = (logits[:, 1:], targets[:, 1:count])
        if targets.shape[1] > count:
            centerline = targets[:, count : count + 1]
            given["centerline"] = (lumen, centerline)
            if count > 1:
                given["vessels"] = (lumen, true_lumen, centerline, targets[:, 1:2])
        if targets.shape[1] > count + 1:
            given["plaque"] = (lumen, true_lumen, targets[:, count + 1 :])
        total = self.lumen(lumen, true_lumen)
        for name, tensors in given.items():
            if self.weights[name]:
                total = total + self.weights[name] * getattr(self, name)(*tensors)
        return total


class _MeanOfChannels(nn.Module):
    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        pairs = zip(logits.split(1, dim=1), targets.split(1, dim=1))
        return torch.stack([self.loss(*pair) for pair in pairs]).mean()


class _SoftclDice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.loss = SoftclDiceLoss(iter_=3)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self.loss(targets, logits.sigmoid())
