"""What a training run needs beside its trainer: checkpoints, seeds, reasons to stop."""

from .checkpoint import TrainingCheckpoint
from .reproducible import AugmentedBatch, Reproducible
from .run_folder import CONFIG, LAST_CHECKPOINT, prepare_run
from .stop import EarlyStop, TimeLimit

__all__ = [
    "CONFIG",
    "LAST_CHECKPOINT",
    "AugmentedBatch",
    "EarlyStop",
    "Reproducible",
    "TimeLimit",
    "TrainingCheckpoint",
    "prepare_run",
]
