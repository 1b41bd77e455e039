"""Data sets found on disk, their splits, and a loader that survives a broken case."""

from .case_loader import CaseLoader
from .find import find_cases, find_images, part_of
from .names import case_name

__all__ = ["CaseLoader", "case_name", "find_cases", "find_images", "part_of"]
