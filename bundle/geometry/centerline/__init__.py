"""From the mask to its centreline tree."""

from .aorta import without_aorta
from .build import vessel_tree

__all__ = [
    "vessel_tree",  # from Vessels and their wall to the Tree, without names
    "without_aorta",  # the vessels less an aorta in the mask
]
