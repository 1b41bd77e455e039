"""Losses, one idea a file."""

from .boundary import BoundaryLoss
from .centerline_recall import CenterlineRecall
from .lumen_and_neighbours import LumenAndNeighbours

__all__ = ["BoundaryLoss", "CenterlineRecall", "LumenAndNeighbours"]
