"""Two scans of one person: their trees laid on each other, their calibres compared place by place."""

from .changes import Noise, claimed, noise_of
from .comparison import BRANCH_COLUMNS, PLACE_COLUMNS, Change, Comparison, compare_trees
from .files import write_comparison
from .places import Places, places_of
from .register import Pair, Registration, register_trees

__all__ = [
    "BRANCH_COLUMNS",  # of the table of branches
    "PLACE_COLUMNS",  # of the table of places
    "Change",  # a claimed change
    "Comparison",  # all of it
    "Noise",  # what measuring does to a difference
    "Pair",  # a stretch that both scans show
    "Places",  # its places, a millimetre apart
    "Registration",  # the rigid matrix, the bend, the pairs
    "claimed",  # where a change is claimed
    "compare_trees",  # from two lists of branches to a Comparison
    "noise_of",  # from the differences of both scans
    "places_of",  # from a registration
    "register_trees",  # from two lists of branches
    "write_comparison",  # tables, record, picture, transform
]
