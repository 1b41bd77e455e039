"""Reasons to end a training run before its last epoch."""

from __future__ import annotations

import logging
import time

import ignite.distributed as idist
from ignite.engine import Engine, Events

__all__ = ["EarlyStop", "TimeLimit"]

logger = logging.getLogger(__name__)


class EarlyStop:
    """End the run when validation has not improved for a while.

    It keeps no count of its own, so a resumed run stops where an undisturbed one would: the best epoch is in
    the validator's state, which the checkpoint holds. Attach it after the ValidationHandler.

    Args:
        validator: the evaluator that keeps ``best_metric_epoch``.
        patience: validations without a better one before the run ends; 0 never ends it.
        interval: epochs from one validation to the next.
    """

    def __init__(self, validator: Engine, patience: int, interval: int) -> None:
        self.validator = validator
        self.patience = int(patience)
        self.interval = int(interval)

    def attach(self, engine: Engine) -> None:
        if self.patience > 0:
            engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        best = self.validator.state.best_metric_epoch
        if best > 0 and engine.state.epoch - best >= self.patience * self.interval:
            logger.info("no better validation since epoch %d: the run ends early", best)
            engine.terminate()


class TimeLimit:
    """End the run at the end of an epoch when the next one would not fit into the time left.

    Args:
        minutes: from the making of this object; 0 sets no limit.
    """

    def __init__(self, minutes: float) -> None:
        self.minutes = float(minutes)
        self._end = time.monotonic() + 60 * self.minutes
        self._epoch_start = 0.0

    def attach(self, engine: Engine) -> None:
        if self.minutes > 0:
            engine.add_event_handler(Events.EPOCH_STARTED, self.epoch_started)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self.epoch_completed)

    def epoch_started(self, engine: Engine) -> None:
        self._epoch_start = time.monotonic()

    def epoch_completed(self, engine: Engine) -> None:
        now = time.monotonic()
        # On several processes all end where one would: the others would wait for it for ever.
        if idist.all_reduce(float(now + (now - self._epoch_start) > self._end)) > 0:
            logger.info("the time is over after epoch %d", engine.state.epoch)
            engine.terminate()
