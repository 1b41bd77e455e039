"""Data sets found on disk, their splits, and what the name of a file says."""

from .find import find_cases, find_images, part_of

__all__ = ["find_cases", "find_images", "part_of"]
