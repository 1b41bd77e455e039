"""Where windows of a volume are worth a network's time: by what must be seen and what has been."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

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

    A window sees its middle better than its border, whose surroundings it lacks. So a cell counts as seen
    once it has lain in the middle of a window, or in a border that is the volume's own. Windows lie anywhere,
    in steps of ``STEP`` cells, each where it sees most of what is left: these are fewer than the windows of a
    grid that hold something.

    Args:
        size: voxels of the volume, on every axis no fewer than a window's.
        roi: voxels of a window.
        border: voxels of a window on each side that do not count, by axis.
        cell: voxels along an edge of a cell.

    Attributes:
        wanted: cells that must be seen, bool; set by the caller.
        shape: how many cells there are.
    """

    def __init__(self, size: Sequence[int], roi: Sequence[int], border: Sequence[int], cell: int) -> None:
        self.shape = tuple(-(-n // cell) for n in size)
        self.wanted = np.zeros(self.shape, bool)
        self._seen = np.zeros(self.shape, bool)
        self._starts, self._low, self._high = [], [], []
        for n, length, edge, cells in zip(size, roi, border, self.shape):
            last = n - length
            starts = np.unique(np.append(np.arange(0, last, STEP * cell), last))
            centers = np.arange(cells) * cell + cell // 2
            low = np.searchsorted(centers, starts + edge)
            high = np.searchsorted(centers, starts + length - edge)
            low[0], high[-1] = 0, cells
            self._starts.append(starts)
            self._low.append(low)
            self._high.append(np.maximum(high, low))

    def unseen(self) -> np.ndarray:
        """The cells that are wanted and not seen, bool."""
        return self.wanted & ~self._seen

    def take(self, count: int) -> list[tuple[int, ...]]:
        """First voxels of up to ``count`` windows that see most of what is left; none where all is seen.

        Of windows that see as much, the one in their middle is taken.
        """
        taken: list[tuple[int, ...]] = []
        while len(taken) < count:
            gains = self._gains()
            if gains.max() <= 0:
                break
            best = np.argwhere(gains == gains.max())
            place = best[((best - best.mean(0)) ** 2).sum(1).argmin()]
            middle = tuple(slice(low[i], high[i]) for low, high, i in zip(self._low, self._high, place))
            self._seen[middle] = True
            taken.append(tuple(int(starts[i]) for starts, i in zip(self._starts, place)))
        return taken

    def _gains(self) -> np.ndarray:
        """Of every window, how many unseen cells lie in its middle: by sums over all boxes from a corner."""
        sums = np.pad(self.unseen().cumsum(0, dtype=np.int32).cumsum(1).cumsum(2), ((1, 0),) * 3)
        gains = 0
        for corner in product((0, 1), repeat=3):
            at = np.ix_(*((self._low, self._high)[side][axis] for axis, side in enumerate(corner)))
            gains = gains + (-1) ** (3 - sum(corner)) * sums[at]
        return gains


STEP = 2
"""Of windows that may be taken, in cells."""
