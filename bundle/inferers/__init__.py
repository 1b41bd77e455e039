"""How a network is applied to a volume."""

from .lumen import LumenInferer
from .memory_safe import MemorySafeInferer
from .windows import ProbabilityWindows

__all__ = ["LumenInferer", "MemorySafeInferer", "ProbabilityWindows"]
