"""The dashboard of a training run as one handler: what it consists of, in which order, on which process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from ignite.handlers import ProgressBar
from monai.engines import SupervisedTrainer

from .curves import Curves
from .notes import RunNotes
from .outlook import RunOutlook
from .precision_recall import PrecisionRecall
from .speed import SpeedLog
from .step_figures import GradientNorm, TrainingLossParts, ValidationLoss
from .writer import RunWriter

__all__ = ["TrainingDashboard", "list_output"]


class TrainingDashboard:
    """Curves, images, meshes and notes of a run for TensorBoard, a line an epoch, and a progress bar.

    Every process measures (loss parts, gradient norm, the validation's loss and precision-recall curve); the
    first one writes. Attach it behind the handlers that train and validate, and before the checkpoint.

    Args:
        output_dir: the run's folder: event files, ``curves.csv``; its config.json is shown as text.
        network, optimizer, loss: those of the trainer.
        validator: the evaluator of the validation cases.
        log_interval: iterations between two readings of the losses from the device.
        shown_cases: validation cases whose overlays and meshes are shown; 0 for none.
        shown_interval: epochs between two of their pictures, which take about 0.1 s a case.
        val_interval: epochs from one validation to the next.
        extent_mm: field of view of images that come without an affine.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike,
        network: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Any,
        validator: Engine,
        log_interval: int = 20,
        shown_cases: int = 1,
        shown_interval: int = 5,
        val_interval: int = 1,
        extent_mm: Sequence[float] = (180.0, 180.0, 120.0),
    ) -> None:
        self.output_dir = output_dir
        self.network, self.optimizer, self.loss = network, optimizer, loss
        self.validator = validator
        self.log_interval = log_interval
        self.shown = {"count": shown_cases, "every": shown_interval, "val_interval": val_interval}
        self.extent_mm = extent_mm

    def attach(self, trainer: SupervisedTrainer) -> None:
        """Register all parts with a trainer.

        The validator hears of them only when the trainer starts: evaluate.yaml laid over train.yaml has an
        evaluator of its own, which is no part of a training.
        """
        precision_recall = PrecisionRecall()
        measuring: list = [ValidationLoss(self.loss), precision_recall]
        parts: list = [TrainingLossParts(self.loss), GradientNorm(self.network)]
        if idist.get_rank() == 0:
            writer = RunWriter(self.output_dir)
            parts += [
                Curves(self.output_dir, writer, self.optimizer, self.validator, self.log_interval),
                RunNotes(writer, self.output_dir),
                SpeedLog(writer),
                RunOutlook(self.validator),
            ]
            if int(self.shown["count"]) > 0 and int(self.shown["every"]) > 0:
                from .shown_cases import ShownCases  # brings VTK with it

                shown = ShownCases(writer, trainer, **self.shown, extent_mm=self.extent_mm)
                measuring.append(shown)
                trainer.add_event_handler(Events.EPOCH_COMPLETED, shown.write)
        trainer.add_event_handler(Events.STARTED, self._attach_to_validator, measuring)
        for part in parts:
            part.attach(trainer)
        if idist.get_rank() == 0:
            trainer.add_event_handler(Events.EPOCH_COMPLETED, precision_recall.write, self.validator, writer)
            # With the loss that Curves has read; on a terminal only, which is tqdm's meaning of disable=None.
            ProgressBar(persist=False, disable=None).attach(trainer, metric_names="all")
        trainer.add_event_handler(Events.ITERATION_COMPLETED, list_output)

    def _attach_to_validator(self, _: Engine, measuring: list) -> None:
        while measuring:  # once, though the trainer may be run again
            measuring.pop(0).attach(self.validator)


def list_output(engine: Engine) -> None:
    """Make the output of a training step a list of one dict, as decollating would, without its cost.

    Handlers that read ``from_engine(["loss"], first=True)``, such as the one that ``--tracking mlflow`` adds,
    take a list. Decollating would give a dict a case, and read the loss from the GPU at every step. Register
    it after the handlers that read the dict, and before those that read the list.
    """
    engine.state.output = [engine.state.output]
