"""What each vessel of a tree is called."""

from .anatomy import heart_coordinates
from .heart import Heart
from .names import MAIN, UNKNOWN, name_branches
from .read import READ
from .scct import dominance, scct_segments

__all__ = [
    "MAIN",  # names of the vessels that others leave
    "READ",  # the heart on which the vessels of patients run in the mean
    "UNKNOWN",  # name of a branch without one
    "Heart",  # a heart laid in a patient
    "dominance",  # of the right or the left tree
    "heart_coordinates",  # mm along, degrees around and share of the surface of points in a heart's frame
    "name_branches",  # segments to named branches
    "scct_segments",  # numbers of the SCCT along branches
]
