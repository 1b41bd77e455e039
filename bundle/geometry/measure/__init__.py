"""What the tree says: calibres, narrowings, certainty."""

from .branches import measure_tree, values_from_tree
from .certainty import BranchCertainty, evidence_of
from .stenosis import Stenosis, find_stenoses

__all__ = [
    "BranchCertainty",  # how sure a branch is an artery
    "Stenosis",  # a narrowing, where and how much
    "evidence_of",  # the network's probabilities along branches
    "find_stenoses",  # of all branches
    "measure_tree",  # lengths and calibres, a row a branch
    "values_from_tree",  # radius, branch and distance at points of a surface
]
