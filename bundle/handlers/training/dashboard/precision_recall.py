"""Precision against recall over all voxels of the validation."""

from __future__ import annotations

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents

from .writer import RunWriter

__all__ = ["PrecisionRecall", "precision_recall"]

THRESHOLDS = 127  # as many as TensorBoard's plugin takes


def precision_recall(artery: np.ndarray, background: np.ndarray) -> dict[str, np.ndarray]:
    """Counts of voxels, precision and recall at the thresholds i / (N - 1).

    Args:
        artery, background: (N,) voxels of each kind whose probability lies in bin floor(p (N - 1)).

    Returns:
        ``tp, fp, tn, fn, precision, recall``, each (N,); the precision is 1 where nothing is predicted.
    """
    tp, fp = (np.cumsum(bins[::-1])[::-1].astype(float) for bins in (artery, background))
    fn, tn = tp[0] - tp, fp[0] - fp
    predicted = tp + fp
    precision = np.divide(tp, predicted, out=np.ones_like(tp), where=predicted > 0)
    return {"tp": tp, "fp": fp, "tn": tn, "fn": fn, "precision": precision, "recall": tp / max(tp[0], 1.0)}


class PrecisionRecall:
    """Evaluator handler that counts voxels by probability; metric ``val_average_precision``.

    The average precision is the sum over the thresholds of precision times gain in recall; the counts of all
    cases are pooled. Computed on the device, from the raw output. There is none without an artery.

    Attach it on every process of a run on several: at the end of the validation it sums over them.

    Attributes:
        curve: of the last validation, see `precision_recall`; None where no voxel is artery.
    """

    def __init__(self) -> None:
        self.curve: dict[str, np.ndarray] | None = None
        self._counts: torch.Tensor | None = None

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(IterationEvents.FORWARD_COMPLETED, self)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.completed)

    def start(self, engine: Engine) -> None:
        self.curve = None
        self._counts = torch.zeros(2 * THRESHOLDS, dtype=torch.int64, device=engine.state.device)

    def __call__(self, engine: Engine) -> None:
        output = engine.state.output
        probability = torch.sigmoid(output["pred"].float())
        bins = (probability * (THRESHOLDS - 1)).to(torch.int64) + THRESHOLDS * (output["label"] >= 0.5)
        self._counts += torch.bincount(bins.flatten(), minlength=2 * THRESHOLDS)

    def completed(self, engine: Engine) -> None:
        background, artery = idist.all_reduce(self._counts).reshape(2, THRESHOLDS).cpu().numpy()
        if not artery.any():
            return
        self.curve = precision_recall(artery, background)
        gain = -np.diff(self.curve["recall"], append=0.0)
        engine.state.metrics["val_average_precision"] = float((gain * self.curve["precision"]).sum())

    def write(self, trainer: Engine, validator: Engine, writer: RunWriter) -> None:
        """Trainer handler: the curve of this epoch's validation by `validator`, ``val/precision_recall``."""
        if validator.state.epoch == trainer.state.epoch and self.curve is not None:
            writer.pr_curve("val/precision_recall", self.curve, trainer.state.iteration)
