"""Volumes from disk, or one sentence that says why they cannot be used."""

from .declared import check_declared
from .header import UNREADABLE, files_of, is_eight_bit
from .intensities import check_intensities
from .volumes import reader_for

__all__ = ["UNREADABLE", "check_declared", "check_intensities", "files_of", "is_eight_bit", "reader_for"]
