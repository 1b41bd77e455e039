"""The curves of a training run, for TensorBoard, as a table, and on the console."""

from __future__ import annotations

import csv
import io
import logging
import math
import os
import time
from pathlib import Path

import torch
from ignite.engine import Engine, Events

from bundle.handlers.run_writer import RunWriter

__all__ = ["TrainingLog", "read_curves"]

COLUMNS = ("epoch", "iteration", "train_loss", "learning_rate", "val_mean_dice", "seconds")
logger = logging.getLogger(__name__)


def read_curves(path: str | os.PathLike) -> list[dict[str, float | None]]:
    """The rows of a run's curves.csv: None in a cell without a value, no row for a line that a kill cut."""
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(COLUMNS)]
    return [dict(zip(COLUMNS, (float(cell) if cell else None for cell in row))) for row in rows[1:]]


class TrainingLog:
    """Log the loss of every iteration, and a line an epoch with the mean loss and the validation.

    Reading a number from a GPU makes the host wait until the GPU is idle. So the losses stay there and are
    read ``every`` iterations in one go; every one of them reaches TensorBoard all the same.

    Writes the scalars ``train/loss``, ``train/loss_epoch``, ``train/learning_rate``, ``val/mean_dice``, and a
    row an epoch to ``curves.csv``. A resumed run first drops the rows after its checkpoint.

    Args:
        run_dir: folder of curves.csv.
        writer: shared with the other handlers of the run; opened and closed here.
        optimizer: for the learning rate of its first group.
        validator: the evaluator; its metrics count where it ran in this epoch.
        every: iterations from one reading to the next.
        key_metric: name of the validator's metric.

    Raises:
        RuntimeError: at the end of an epoch in which no loss was finite.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike,
        writer: RunWriter,
        optimizer: torch.optim.Optimizer,
        validator: Engine,
        every: int = 20,
        key_metric: str = "val_mean_dice",
    ) -> None:
        self.path = Path(run_dir) / "curves.csv"
        self.writer = writer
        self.optimizer = optimizer
        self.validator = validator
        self.every = int(every)
        self.key_metric = key_metric
        self._waiting: list[torch.Tensor] = []
        self._epoch_losses: list[float] = []
        self._epoch_start = 0.0

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.epoch_started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.epoch_completed)
        engine.add_event_handler(Events.COMPLETED, lambda _: self.writer.close())

    def epoch_started(self, engine: Engine) -> None:
        if not self._epoch_start:
            self.writer.open(engine.state.iteration + 1)
            self._keep_rows(before_epoch=engine.state.epoch)
        self._epoch_start = time.monotonic()
        self._epoch_losses = []

    def iteration_completed(self, engine: Engine) -> None:
        self._waiting.append(engine.state.output["loss"].detach())
        if len(self._waiting) >= self.every:
            self._read(engine)

    def epoch_completed(self, engine: Engine) -> None:
        self._read(engine)
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
        dice = self._validation(engine)
        seconds = time.monotonic() - self._epoch_start
        self.writer.scalar("train/loss_epoch", loss, step)
        self.writer.scalar("train/learning_rate", lr, step)
        if dice is not None:
            self.writer.scalar("val/mean_dice", dice, step)
        self.writer.flush()
        cells = [engine.state.epoch, step, repr(loss), repr(lr), "" if dice is None else repr(dice)]
        with open(self.path, "a") as file:
            file.write(",".join([*map(str, cells), f"{seconds:.3f}"]) + "\n")
        logger.info(
            "epoch %d/%d: loss %.4f%s, %.1f s",
            engine.state.epoch,
            engine.state.max_epochs,
            loss,
            "" if dice is None else f", validation Dice {dice:.4f}",
            seconds,
        )

    def _validation(self, engine: Engine) -> float | None:
        state = self.validator.state
        ran = state.epoch == engine.state.epoch and self.key_metric in state.metrics
        return float(state.metrics[self.key_metric]) if ran else None

    def _read(self, engine: Engine) -> None:
        """Fetch the waiting losses from the device."""
        if not self._waiting:
            return
        losses = torch.stack(self._waiting).tolist()
        self._waiting = []
        first = engine.state.iteration - len(losses) + 1
        for step, loss in enumerate(losses, start=first):
            self.writer.scalar("train/loss", loss, step)
        self._epoch_losses += losses
        engine.state.metrics["loss"] = losses[-1]  # for the progress bar

    def _keep_rows(self, before_epoch: int) -> None:
        """Begin the table, or cut it back to the epochs before ``before_epoch``."""
        text = io.StringIO()
        text.write(",".join(COLUMNS) + "\n")
        if before_epoch > 1 and self.path.is_file():
            for line in self.path.read_text().splitlines()[1:]:
                cells = line.split(",")
                if len(cells) == len(COLUMNS) and int(cells[0]) < before_epoch:
                    text.write(line + "\n")
        temporary = self.path.with_suffix(".tmp")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text.getvalue())
        os.replace(temporary, self.path)
