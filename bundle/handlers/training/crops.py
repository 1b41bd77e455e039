"""Training on crops that are drawn while it trains: rendering them, and going on with new patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch.utils.data import DataLoader

from bundle.phantom.crops import CLASSES, Crops, CropStream, render

__all__ = ["TARGETS", "NewPatients", "RenderedBatches", "RenderedCrops", "targets_of"]

TARGETS = ("lumen", "vein", "aorta", "centerline", "plaque")
"""Channels of `targets_of`: what the network says, then what the losses look at."""


def targets_of(crops: Crops) -> torch.Tensor:
    """`TARGETS` (B, 5, X, Y, Z), volume fractions in [0, 1]."""
    aorta = (crops.classes == CLASSES.index("aorta")).float()
    vein = crops.vein * (1 - crops.share)
    return torch.cat([crops.share, vein, aorta, crops.centreline.float(), crops.plaque], dim=1)


class RenderedCrops:
    """`prepare_batch` for MONAI's trainers and evaluators: plans in, rendered on the device that trains.

    Args:
        hu_range: mapped to [0, 1] and cut off there, as the other configs do it.

    Attributes:
        step, seed: set by `Reproducible`; unused, for each plan has a seed of its own.
    """

    def __init__(self, hu_range: Sequence[float]) -> None:
        self.low, self.high = hu_range
        self.step = self.seed = 0

    def __call__(
        self,
        batchdata: dict[str, torch.Tensor],
        device: torch.device,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (B, 1, X, Y, Z) and `targets_of` (B, 5, X, Y, Z), float32, on ``device``."""
        crops = render(batchdata, device)
        image = crops.image.sub(self.low).div_(self.high - self.low).clamp_(0, 1)
        if torch.device(device).type == "cuda":
            image = image.contiguous(memory_format=torch.channels_last_3d)
        return image, targets_of(crops)


class RenderedBatches(Sequence):
    """Batches of plans as a data set of ``{"image", "label"}``, rendered anew whenever they are asked for.

    For validation, which takes batches apart into cases: plans cannot be.

    Args:
        batches: dictionaries of tensors, from `stack_plans`.
        hu_range: of `RenderedCrops`.
        device: that renders, and on which the batches stay.
    """

    def __init__(self, batches: Sequence[dict], hu_range: Sequence[float], device: torch.device) -> None:
        self.batches, self.device = batches, torch.device(device)
        self.prepare = RenderedCrops(hu_range)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        """Image and lumen, (B, 1, X, Y, Z) each."""
        image, target = self.prepare(self.batches[number], self.device)
        return {"image": image, "label": target[:, :1]}


class NewPatients:
    """Let a resumed run go on with patients that it has not seen. Attach it behind the checkpoint.

    Args:
        stream: the training data.
        loader: that iterates over it.
    """

    def __init__(self, stream: CropStream, loader: DataLoader) -> None:
        self.stream, self.loader = stream, loader

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        if engine.state.iteration:
            ready = self.loader.prefetch_factor or 1
            skip = self.stream.drawn_after(engine.state.iteration, self.loader.num_workers, ready)
            self.stream.skip = skip
            engine.set_data(self.loader)
