"""The curves of a training run, for TensorBoard, as a table, and on the console."""

from __future__ import annotations

import csv
import logging
import math
import os
import time
from pathlib import Path

import torch
from ignite.engine import Engine, Events

from bundle.common.files import write_text

from .writer import RunWriter

__all__ = ["Curves", "read_curves"]

KEY_METRIC = "val_mean_dice"
COLUMNS = ("epoch", "iteration", "train_loss", "learning_rate", KEY_METRIC, "seconds")
logger = logging.getLogger(__name__)


def read_curves(path: str | os.PathLike) -> list[dict[str, float | None]]:
    """The rows of a run's curves.csv: None in a cell without a value, no row for a line that a kill cut."""
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(COLUMNS)]
    return [dict(zip(COLUMNS, (float(cell) if cell else None for cell in row))) for row in rows[1:]]


class Curves:
    """Log the numbers of every iteration, and a line an epoch with the mean loss and the validation.

    Reading a number from a GPU makes the host wait until the GPU is idle. So they stay there and are read
    ``every`` iterations in one go; every one of them reaches TensorBoard all the same. MONAI's
    ``TensorBoardStatsHandler`` reads one at each iteration, steps by epoch and iteration in turn, and opens
    its file before it is known where a resumed run starts.

    Writes every number of the trainer's output as ``train/<name>`` (``loss``, and what `TrainingLossParts`
    and `GradientNorm` add), ``train/learning_rate``, ``train/loss_epoch``, every metric of the validation
    without its prefix ``val_`` as ``val/<name>``, the best of the key metric so far as ``val/best_<name>``,
    and a row an epoch to ``curves.csv``. A number that is not finite is written for the loss only. A resumed
    run first drops the rows after its checkpoint.

    Args:
        output_dir: folder of curves.csv.
        writer: shared with the other parts of the dashboard; opened and closed here, anew where the trainer
            is run again.
        optimizer: for the learning rate of its first group.
        validator: the evaluator; its metrics count where it ran in this epoch.
        every: iterations from one reading to the next.

    Raises:
        RuntimeError: at the end of an epoch in which no loss was finite.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike,
        writer: RunWriter,
        optimizer: torch.optim.Optimizer,
        validator: Engine,
        every: int = 20,
    ) -> None:
        self.path = Path(output_dir) / "curves.csv"
        self.writer = writer
        self.optimizer = optimizer
        self.validator = validator
        self.every = int(every)
        self._waiting: list[dict[str, torch.Tensor]] = []
        self._epoch_losses: list[float] = []
        self._epoch_start = 0.0

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.epoch_started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.epoch_completed)
        engine.add_event_handler(Events.COMPLETED, lambda _: self.writer.close())

    def epoch_started(self, engine: Engine) -> None:
        if self.writer.open(engine.state.iteration + 1):
            self._keep_rows(before_epoch=engine.state.epoch)
        self._epoch_start = time.monotonic()
        self._epoch_losses = []

    def iteration_completed(self, engine: Engine) -> None:
        output = engine.state.output
        numbers = {k: v.detach() for k, v in output.items() if isinstance(v, torch.Tensor) and v.ndim == 0}
        self._waiting.append(numbers)
        if len(self._waiting) >= self.every or engine.state.iteration % engine.state.epoch_length == 0:
            self._read(engine)

    def epoch_completed(self, engine: Engine) -> None:
        finite = [loss for loss in self._epoch_losses if math.isfinite(loss)]
        if not finite:
            raise RuntimeError(
                f"no loss was finite in epoch {engine.state.epoch}; lower the learning rate, or train "
                "without fp16 (--amp false, or --amp_dtype bfloat16)."
            )
        if len(finite) < len(self._epoch_losses):
            logger.warning("%d losses were not finite", len(self._epoch_losses) - len(finite))
        step, loss = engine.state.iteration, sum(finite) / len(finite)
        lr = self.optimizer.param_groups[0]["lr"]
        state = self.validator.state  # of an earlier epoch where the validation did not run in this one
        validation = state.metrics if state.epoch == engine.state.epoch else {}
        validation = {name: float(value) for name, value in validation.items()}
        dice = validation.get(KEY_METRIC)
        seconds = time.monotonic() - self._epoch_start
        self.writer.events.add_scalar("train/loss_epoch", loss, step)
        for name, value in validation.items():
            self.writer.events.add_scalar(f"val/{name.removeprefix('val_')}", value, step)
        if dice is not None:
            name = f"val/best_{KEY_METRIC.removeprefix('val_')}"
            self.writer.events.add_scalar(name, float(state.best_metric), step)
        self.writer.events.flush()
        cells = [engine.state.epoch, step, repr(loss), repr(lr), "" if dice is None else repr(dice)]
        with open(self.path, "a") as file:
            file.write(",".join([*map(str, cells), f"{seconds:.3f}"]) + "\n")
        epochs = f"{engine.state.epoch}/{engine.state.max_epochs}"
        validated = "" if dice is None else f", validation Dice {dice:.4f}"
        logger.info("epoch %s: loss %.4f%s, %.1f s", epochs, loss, validated, seconds)

    def _read(self, engine: Engine) -> None:
        """Fetch the waiting numbers from the device, in one go."""
        stacked = torch.stack([value.float() for numbers in self._waiting for value in numbers.values()])
        values = iter(stacked.tolist())
        first = engine.state.iteration - len(self._waiting) + 1
        for step, numbers in enumerate(self._waiting, start=first):
            for name in numbers:
                value = next(values)
                if name == "loss":
                    self._epoch_losses.append(value)
                if name == "loss" or math.isfinite(value):
                    self.writer.events.add_scalar(f"train/{name}", value, step)
        self._waiting = []
        lr = self.optimizer.param_groups[0]["lr"]
        self.writer.events.add_scalar("train/learning_rate", lr, engine.state.iteration)
        engine.state.metrics["loss"] = self._epoch_losses[-1]  # for the progress bar

    def _keep_rows(self, before_epoch: int) -> None:
        """Begin the table, or cut it back to the epochs before ``before_epoch``."""
        lines = [",".join(COLUMNS)]
        if before_epoch > 1 and self.path.is_file():
            for line in self.path.read_text().splitlines()[1:]:
                cells = line.split(",")
                if len(cells) == len(COLUMNS) and int(cells[0]) < before_epoch:
                    lines.append(line)
        write_text(self.path, "\n".join(lines) + "\n")
