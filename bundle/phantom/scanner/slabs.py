"""Step-and-shoot: slabs of slices that do not quite meet. A step is (height mm, dx mm, dy mm)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from bundle.phantom.core import Grid

__all__ = ["move_points", "shift_slabs", "slab_moves"]


def slab_moves(z: np.ndarray, steps) -> np.ndarray:
    """Displacement (dx, dy) mm at heights z (N,). Each slab has its own place: offsets do not add up."""
    moves = np.zeros((len(z), 2))
    for height, dx, dy in steps:
        moves[z > height] = (dx, dy)
    return moves


def shift_slabs(image: np.ndarray, grid: Grid, steps, mode: str) -> np.ndarray:
    """A (z, y, x) image whose slabs are misaligned; `mode` fills what moves in, as for `ndimage.shift`."""
    moves = slab_moves(grid.axis(2), steps)
    out = image.copy()
    for move in np.unique(moves, axis=0):
        if not move.any():
            continue
        chosen = (moves == move).all(axis=1)
        shift = (0, move[1] / grid.spacing[1], move[0] / grid.spacing[0])
        out[chosen] = ndimage.shift(image[chosen], shift, order=1, mode=mode)
    return out


def move_points(points: np.ndarray, steps) -> np.ndarray:
    """The same slab shifts applied to centreline points (N, 3)."""
    points = points.copy()
    points[:, :2] += slab_moves(points[:, 2], steps)
    return points
