"""What each vessel of a tree is called."""

from .names import MAIN, UNKNOWN, name_branches
from .scct import dominance, scct_segments

__all__ = [
    "MAIN",  # names of the vessels that others leave
    "UNKNOWN",  # name of a branch without one
    "dominance",  # of the right or the left tree
    "name_branches",  # segments to named branches
    "scct_segments",  # numbers of the SCCT along branches
]
