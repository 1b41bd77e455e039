"""Data sets found on disk or given as a list, and their splits."""

from .find import as_cases, find_cases, find_images, part_of

__all__ = ["as_cases", "find_cases", "find_images", "part_of"]
