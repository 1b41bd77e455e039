"""What a training run needs beside its trainer: checkpoints, seeds, its folder, reasons to stop."""

from .checkpoint import TrainingCheckpoint
from .crops import NewPatients, RenderedBatches, RenderedCrops
from .prepare import CONFIG, LAST_CHECKPOINT, prepare_network, prepare_run, set_seed
from .reproducible import AugmentedBatch, Reproducible
from .stop import EarlyStop, TimeLimit

__all__ = [
    "CONFIG",
    "LAST_CHECKPOINT",
    "AugmentedBatch",
    "EarlyStop",
    "NewPatients",
    "RenderedBatches",
    "RenderedCrops",
    "Reproducible",
    "TimeLimit",
    "TrainingCheckpoint",
    "prepare_network",
    "prepare_run",
    "set_seed",
]
