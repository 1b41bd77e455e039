"""What each vessel of a tree is called."""

from .names import UNKNOWN, name_branches
from .scct import dominance, scct_segments

__all__ = [
    "UNKNOWN",  # name of a branch without one
    "dominance",  # of the right or the left tree
    "name_branches",  # segments to named branches
    "scct_segments",  # numbers of the SCCT along branches
]
