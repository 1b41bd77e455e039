"""TensorBoard events of one run."""

from __future__ import annotations

import os

import numpy as np
from torch.utils.tensorboard import SummaryWriter

__all__ = ["RunWriter"]


class RunWriter:
    """A TensorBoard writer that several handlers share, opened once it is known where the run starts.

    Every tag has the training iteration as its step. On resuming, TensorBoard is told to forget what a killed
    run wrote after its last checkpoint, so that curves do not run back over themselves.

    Args:
        log_dir: folder of the event files.
    """

    def __init__(self, log_dir: str | os.PathLike) -> None:
        self.log_dir = str(log_dir)
        self._writer: SummaryWriter | None = None

    def open(self, first_step: int) -> None:
        """Begin at ``first_step``, the iteration that comes next; does nothing when open."""
        if self._writer is None:
            self._writer = SummaryWriter(self.log_dir, purge_step=first_step if first_step > 1 else None)

    def scalar(self, tag: str, value: float, step: int) -> None:
        self._opened.add_scalar(tag, value, step)

    def image(self, tag: str, rgb: np.ndarray, step: int) -> None:
        """``rgb``: (rows, columns, 3) uint8."""
        self._opened.add_image(tag, rgb, step, dataformats="HWC")

    def flush(self) -> None:
        self._opened.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @property
    def _opened(self) -> SummaryWriter:
        if self._writer is None:
            raise RuntimeError("the writer is not open; TrainingLog opens it when the first epoch starts.")
        return self._writer
