"""How a network is applied to a volume."""

from .coarse import CoarseLook
from .growing import GrowingWindows
from .lumen import LumenInferer
from .memory_safe import MemorySafeInferer
from .windows import ProbabilityWindows

__all__ = ["CoarseLook", "GrowingWindows", "LumenInferer", "MemorySafeInferer", "ProbabilityWindows"]
