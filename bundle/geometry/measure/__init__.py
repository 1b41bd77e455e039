"""What the tree says: calibres, narrowings, certainty."""

from .branches import measure_tree, values_from_tree
from .certainty import BranchCertainty, evidence_of
from .in_image import seen_in_image
from .stenosis import Stenosis, find_stenoses, reference_diameters
from .sums import narrowed_sums, vessel_rows

__all__ = [
    "BranchCertainty",  # how sure a branch is an artery
    "Stenosis",  # a narrowing, where and how much
    "evidence_of",  # the network's probabilities along branches
    "find_stenoses",  # of all branches
    "measure_tree",  # lengths and calibres, a row a branch
    "narrowed_sums",  # how many vessels and segments are narrowed
    "reference_diameters",  # without the narrowings
    "seen_in_image",  # what the CT says of them
    "values_from_tree",  # radius, branch and distance at points of a surface
    "vessel_rows",  # of main vessels: seen how far, narrowed or not
]
