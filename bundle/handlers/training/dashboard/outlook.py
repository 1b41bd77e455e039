"""What a run will do and how long it will take, on the console."""

from __future__ import annotations

import logging
import time
from typing import Any

import torch
from ignite.engine import Engine, Events

from bundle.common.duration import duration

__all__ = ["RunOutlook"]

LONG_HOURS = 24.0  # from which on a person is warned
logger = logging.getLogger(__name__)


class RunOutlook:
    """Log the device, the cases and the steps at the start, and after the first epoch the time to the last.

    Where that is more than a day it is a warning, which says what would shorten it. Attach it after the
    handler that logs the epoch.

    Args:
        validator: the evaluator of the validation cases.
    """

    def __init__(self, validator: Engine) -> None:
        self.validator = validator
        self._start = 0.0
        self._first = 0

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self.started)
        engine.add_event_handler(Events.EPOCH_STARTED, self.epoch_started)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.epoch_completed)

    def started(self, engine: Engine) -> None:
        self._first = 0
        device = torch.device(engine.state.device)
        where = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
        cases = f"{_count(engine)} training and {_count(self.validator)} validation cases"
        logger.info(
            "training on %s: %s, %s steps an epoch, %d epochs",
            where, cases, engine.state.epoch_length, engine.state.max_epochs,
        )  # fmt: skip

    def epoch_started(self, engine: Engine) -> None:
        if self._first == 0:
            self._first, self._start = engine.state.epoch, time.monotonic()

    def epoch_completed(self, engine: Engine) -> None:
        left = engine.state.max_epochs - engine.state.epoch
        if engine.state.epoch != self._first or left <= 0:
            return
        seconds = (time.monotonic() - self._start) * left
        if seconds < 3600 * LONG_HOURS:
            logger.info("about %s to go for %d epochs more", duration(seconds), left)
        else:
            logger.warning(
                "about %s to go for %d epochs more; a GPU, a smaller --max_epochs or a limit such as "
                "--max_minutes 600 shortens it, and --resume true goes on after a stop",
                duration(seconds), left,
            )  # fmt: skip


def _count(engine: Engine) -> Any:
    """Cases of an engine's data set; a stream has no number."""
    dataset = getattr(getattr(engine, "data_loader", None), "dataset", None)
    return len(dataset) if hasattr(dataset, "__len__") else "drawn"
