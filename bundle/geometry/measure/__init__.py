"""What the tree says: names of branches, calibres, narrowings."""

from .branches import measure_tree, values_from_tree
from .certainty import BranchCertainty, evidence_of
from .names import UNKNOWN, name_branches
from .stenosis import Stenosis, find_stenoses

__all__ = [
    "UNKNOWN",  # name of a branch without one
    "BranchCertainty",  # how sure a branch is an artery
    "Stenosis",  # a narrowing, where and how much
    "evidence_of",  # the network's probabilities along branches
    "find_stenoses",  # of all branches
    "measure_tree",  # lengths and calibres, a row a branch
    "name_branches",  # segments to named branches
    "values_from_tree",  # radius, branch and distance at points of a surface
]
