"""A CT series as an array, with the place in the files that each of its slices came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["SliceSource", "Volume"]


@dataclass(frozen=True)
class SliceSource:
    """Where a slice was read from.

    path: file (of a zip: where it was unpacked). frame: index from 0 in a multi-frame file, None in a
        single-frame one.
    """

    path: Path
    frame: int | None


@dataclass(frozen=True)
class Volume:
    """A series of parallel, evenly spaced slices.

    array: (X, Y, Z) int16 or float32 HU; ``array[i, j, k] == pixel_array[j, i]`` of ``slices[k]``, rescaled.
    affine: (4, 4) voxel to RAS mm. slices: one for each k. series_uid: of the series.
    """

    array: np.ndarray
    affine: np.ndarray
    slices: tuple[SliceSource, ...]
    series_uid: str
