"""What a training run needs beside its trainer: checkpoints, seeds, its folder, reasons to stop."""

from .checkpoint import TrainingCheckpoint
from .crops import TARGETS, NewPatients, RenderedBatches, RenderedCrops
from .prepare import CONFIG, LAST_CHECKPOINT, RunFolder, check_run, prepare_network, set_seed
from .reproducible import AugmentedBatch, Reproducible
from .stop import EarlyStop, TimeLimit

__all__ = [
    "CONFIG",
    "LAST_CHECKPOINT",
    "TARGETS",
    "AugmentedBatch",
    "EarlyStop",
    "NewPatients",
    "RenderedBatches",
    "RenderedCrops",
    "Reproducible",
    "RunFolder",
    "TimeLimit",
    "TrainingCheckpoint",
    "check_run",
    "prepare_network",
    "set_seed",
]
