"""Data sets found on disk or given as a list, and their splits."""

from .find import find_cases, find_images, part_of
from .lists import as_cases

__all__ = ["as_cases", "find_cases", "find_images", "part_of"]
