"""Losses, one idea a file."""

from .artery_or_vein import ArteryOrVein
from .beside_plaque import BesidePlaque
from .boundary import BoundaryLoss
from .centerline_recall import CenterlineRecall
from .lumen_and_neighbours import LumenAndNeighbours

__all__ = ["ArteryOrVein", "BesidePlaque", "BoundaryLoss", "CenterlineRecall", "LumenAndNeighbours"]
