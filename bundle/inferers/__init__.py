"""How a network is applied to a volume."""

from .coarse import CoarseLook
from .growing import GrowingWindows
from .lumen import LumenInferer
from .members import Checkpoints, DropoutSamples, FlipsAndShifts
from .memory_safe import MemorySafeInferer
from .uncertainty import EnsembleInferer
from .windows import ProbabilityWindows

__all__ = [
    "Checkpoints",
    "CoarseLook",
    "DropoutSamples",
    "EnsembleInferer",
    "FlipsAndShifts",
    "GrowingWindows",
    "LumenInferer",
    "MemorySafeInferer",
    "ProbabilityWindows",
]
