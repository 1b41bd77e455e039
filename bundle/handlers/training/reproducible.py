"""Every random number of a training run as a function of (seed, epoch, step)."""

from __future__ import annotations

from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.data import MetaTensor
from monai.data.utils import set_rnd

from bundle.transforms import BatchAugment

__all__ = ["AugmentedBatch", "Reproducible"]

_PRIME = 1_000_003


class AugmentedBatch:
    """`prepare_batch` for MONAI's trainers and evaluators: to the device, to plain tensors, augmented.

    Plain tensors, because a MetaTensor makes every operation on it slower and breaks `torch.compile`; by now
    its affine has served.

    Args:
        augment: applied to the batch with ``step``; None for validation.

    Attributes:
        step, seed: number of the current iteration over the whole run, and the seed of this process;
            `Reproducible` sets them.
    """

    def __init__(self, augment: BatchAugment | None = None) -> None:
        self.augment = augment
        self.step = self.seed = 0

    def __call__(
        self,
        batchdata: dict[str, torch.Tensor],
        device: torch.device,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Image and label of shape (B, 1, X, Y, Z), float32, on ``device``."""
        pair = []
        for key in ("image", "label"):
            tensor = batchdata[key].to(device=device, non_blocking=non_blocking, dtype=torch.float32)
            pair.append(tensor.as_tensor() if isinstance(tensor, MetaTensor) else tensor)
        image, label = pair
        return (image, label) if self.augment is None else self.augment(image, label, self.step, self.seed)


class Reproducible:
    """Seed each epoch and each step, so that a resumed run draws what an undisturbed one would.

    No random state needs to be kept in a checkpoint: at the start of an epoch the data loader and MONAI's
    random transforms get the seed of (seed, epoch); before a step torch's global generators, which dropout
    draws from, get that of (seed, step), and ``prepare_batch`` is told the step. The order of the cases comes
    from a ``DistributedSampler``, which MONAI's trainer tells the epoch. Seeding does not wait for the GPU.
    On several processes each has a seed of its own, so each draws other augmentations.

    Args:
        seed: of the run.
        prepare_batch: the trainer's `AugmentedBatch`.
        dataset: the training data set, whose random transforms run in this process when the loader has no
            workers (with workers, the loader's own seed reaches them).
    """

    def __init__(self, seed: int, prepare_batch: AugmentedBatch, dataset: Any = None) -> None:
        self.seed = int(seed)
        self.prepare_batch = prepare_batch
        self.dataset = dataset

    def attach(self, engine: Engine) -> None:
        self.prepare_batch.seed = self.seed = self.seed * idist.get_world_size() + idist.get_rank()
        engine.add_event_handler(Events.EPOCH_STARTED, self.epoch_started)
        engine.add_event_handler(Events.ITERATION_STARTED, self.iteration_started)

    def epoch_started(self, engine: Engine) -> None:
        seed = (self.seed * _PRIME + engine.state.epoch) % 2**32
        torch.manual_seed(seed)
        set_rnd(self.dataset, seed)

    def iteration_started(self, engine: Engine) -> None:
        torch.manual_seed((self.seed * _PRIME + engine.state.iteration) % 2**63)
        self.prepare_batch.step = engine.state.iteration
