"""A progress bar for training."""

from __future__ import annotations

from ignite.engine import Engine
from ignite.handlers import ProgressBar

__all__ = ["TrainingProgress"]


class TrainingProgress(ProgressBar):
    """Ignite's bar over the iterations of an epoch, with the latest loss that `Curves` has read.

    Shown on a terminal only (``disable=None`` is tqdm's word for that); a log file gets the lines of
    `Curves`.
    """

    def __init__(self) -> None:
        super().__init__(persist=False, disable=None)

    def attach(self, engine: Engine) -> None:
        super().attach(engine, metric_names="all")
