"""Which windows of a volume are worth a network's time: by what must be seen and what has been."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

__all__ = ["Seen", "grown"]


def grown(mask: np.ndarray, cells: float) -> np.ndarray:
    """The cells of a bool volume within so many cells of a true one."""
    if not mask.any() or cells <= 0:
        return mask
    return distance_transform_edt(~mask) <= cells


class Seen:
    """Book-keeping of windows on a coarse grid of cells, each a few voxels wide.

    A window sees its middle better than its border, as its weights in the blending say. So a cell counts as
    seen once the windows that have been run hold ``share`` of the weight that all windows would give it.

    Args:
        size: voxels of the volume.
        starts: first voxels of the windows, (N, 3).
        weight: (X, Y, Z) of a window's voxels, positive.
        cell: voxels along an edge of a cell.
        share: of the whole weight from which on a cell counts as seen, 0...1.

    Attributes:
        wanted: cells that must be seen, bool; set by the caller.
        left: numbers of the windows that have not been taken.
    """

    def __init__(
        self, size: Sequence[int], starts: np.ndarray, weight: np.ndarray, cell: int, share: float
    ) -> None:
        self.starts, self.cell, self.share = np.asarray(starts), cell, share
        self.shape = tuple(-(-n // cell) for n in size)
        self.wanted = np.zeros(self.shape, bool)
        self.left = list(range(len(self.starts)))
        self._done = np.zeros(self.shape, np.float32)
        self._blocks, self._weights = zip(*(self._block(start, weight) for start in self.starts))
        self._whole = np.zeros(self.shape, np.float32)
        for block, values in zip(self._blocks, self._weights):
            self._whole[block] += values

    def _block(self, start: np.ndarray, weight: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
        """The cells whose centres lie in a window, and its weights there."""
        slices, inside = [], []
        for first, length, cells in zip(start, weight.shape, self.shape):
            centers = np.arange(cells) * self.cell + self.cell // 2
            low, high = np.searchsorted(centers, (first, first + length))
            slices.append(slice(int(low), int(high)))
            inside.append(centers[low:high] - first)
        return tuple(slices), weight[np.ix_(*inside)].astype(np.float32)

    def unseen(self) -> np.ndarray:
        """The cells that are wanted and not seen, bool."""
        return self.wanted & (self._done < self.share * self._whole)

    def take(self, count: int) -> list[int]:
        """Up to ``count`` windows that see most of what is wanted and unseen; none where all is seen."""
        taken: list[int] = []
        while len(taken) < count:
            # A cell too near the border for any window's weight is nobody's.
            need = self.unseen() / np.maximum(self._whole, np.finfo(np.float32).tiny)
            gains = [float((need[self._blocks[i]] * self._weights[i]).sum()) for i in self.left]
            if not gains or max(gains) <= 0:
                break
            best = self.left.pop(int(np.argmax(gains)))
            self._done[self._blocks[best]] += self._weights[best]
            taken.append(best)
        return taken
