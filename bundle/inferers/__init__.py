"""How a network is applied to a volume."""

from .memory_safe import MemorySafeInferer
from .windows import ProbabilityWindows

__all__ = ["MemorySafeInferer", "ProbabilityWindows"]
