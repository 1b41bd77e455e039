"""From the mask to its centreline tree."""

from .aorta import without_aorta
from .build import vessel_tree

__all__ = ["vessel_tree", "without_aorta"]
