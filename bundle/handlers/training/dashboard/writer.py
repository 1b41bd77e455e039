"""TensorBoard events of one run."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

__all__ = ["RunWriter"]


class RunWriter:
    """A TensorBoard writer that several handlers share, opened once it is known where the run starts.

    Every tag has the training iteration as its step. On resuming, TensorBoard is told to forget what a killed
    run wrote after its last checkpoint, so that curves do not run back over themselves. No file is made
    before it is opened.
    """

    def __init__(self, log_dir: str | os.PathLike) -> None:
        self.log_dir = str(log_dir)
        self._writer: SummaryWriter | None = None

    def open(self, first_step: int) -> bool:
        """Begin at ``first_step``, the iteration that comes next; False, and nothing done, when open."""
        if self._writer is not None:
            return False
        self._writer = SummaryWriter(self.log_dir, purge_step=first_step if first_step > 1 else None)
        return True

    def image(self, tag: str, rgb: np.ndarray, step: int) -> None:
        """``rgb``: (rows, columns, 3) uint8."""
        self.events.add_image(tag, rgb, step, dataformats="HWC")

    def mesh(self, tag: str, points: np.ndarray, faces: np.ndarray, rgb: np.ndarray, step: int) -> None:
        """``points``: (N, 3), y up and z to the viewer; ``faces``: (M, 3) indices; ``rgb``: (N, 3) uint8."""
        arrays = (points.astype(np.float32), rgb.astype(np.uint8), faces.astype(np.int32))
        vertices, colors, triangles = (torch.from_numpy(array)[None] for array in arrays)
        self.events.add_mesh(tag, vertices, colors, triangles, global_step=step)

    def pr_curve(self, tag: str, counts: dict[str, np.ndarray], step: int) -> None:
        """``counts``: tp, fp, tn, fn, precision, recall, each by rising threshold from 0 to 1."""
        rows = [counts[name] for name in ("tp", "fp", "tn", "fn", "precision", "recall")]
        self.events.add_pr_curve_raw(tag, *rows, global_step=step, num_thresholds=len(rows[0]))

    def hyperparameters(self, values: dict[str, Any], metric_tags: list[str]) -> None:
        """Settings of the run, beside the last value of the scalars ``metric_tags`` of this same run.

        ``SummaryWriter.add_hparams`` would make a second run folder, with scalars of its own.
        """
        experiment, start, _ = hparams(values, dict.fromkeys(metric_tags, 0.0))
        for summary in (experiment, start):
            self.events.file_writer.add_summary(summary)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @property
    def events(self) -> SummaryWriter:
        """TensorBoard's own writer, while it is open."""
        if self._writer is None:
            raise RuntimeError("the writer is not open; Curves opens it when the first epoch starts.")
        return self._writer
