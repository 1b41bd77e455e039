"""How a network is applied to a volume."""

from .memory_safe import MemorySafeInferer

__all__ = ["MemorySafeInferer"]
