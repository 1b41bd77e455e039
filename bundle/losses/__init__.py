"""Losses, one idea a file."""

from .lumen_and_neighbours import LumenAndNeighbours

__all__ = ["LumenAndNeighbours"]
