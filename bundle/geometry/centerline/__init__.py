"""From the mask to its centreline tree."""

from .aorta import find_aorta, without_aorta
from .build import vessel_tree
from .pools import aorta_wall, blood_pool
from .tree_rule import TreeRule
from .trees import keep_trees

__all__ = [
    "TreeRule",  # the numbers of keep_trees
    "aorta_wall",  # of a segmented aorta, as points
    "blood_pool",  # walls of aorta and chambers in an image
    "find_aorta",  # in a mask, by its width
    "keep_trees",  # parts of a mask that hang together with the aorta, or are surely vessels
    "vessel_tree",  # from Vessels and their wall to the Tree, without names
    "without_aorta",  # the vessels less an aorta in the mask
]
