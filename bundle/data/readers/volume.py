"""A volume as its file stores it, and the arrays that are made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from bundle.common.planes import copied_by_planes

__all__ = ["Volume"]


@dataclass(frozen=True)
class Volume:
    """One 3-D scalar volume that passed every check.

    Attributes:
        path: of its file.
        stored: (X, Y, Z) in voxel order, as the file holds them; may be mapped from it.
        affine: (4, 4), voxel index to RAS mm.
        slope, intercept: a voxel means stored * slope + intercept.
        sform_code, qform_code: of a NIfTI, which coordinate system its affines are in.
    """

    path: str | Path
    stored: np.ndarray
    affine: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    sform_code: int = 0
    qform_code: int = 0

    @property
    def is_scaled(self) -> bool:
        return (self.slope, self.intercept) != (1.0, 0.0)

    def array(self) -> np.ndarray:
        """(X, Y, Z) in the file's own type, in memory; float32 where the file scales its numbers."""
        if self.is_scaled:
            return self.float32()
        native = self.stored.dtype.newbyteorder("=")
        return self.stored.astype(native, subok=False, copy=isinstance(self.stored, np.memmap))

    def float32(self) -> np.ndarray:
        """(X, Y, Z) float32, C-contiguous."""
        return self._copied(np.float32, None)

    def int16(self) -> np.ndarray | None:
        """(X, Y, Z) int16, C-contiguous, where the file has these very numbers; None for other files."""
        if self.is_scaled or self.stored.dtype.newbyteorder("=") != np.int16:
            return None
        return copied_by_planes(self.stored, np.int16, "C")

    def mask(self) -> np.ndarray:
        """(X, Y, Z) uint8, C-contiguous: 1 wherever the file is above 0."""
        return self._copied(np.uint8, lambda values: values > 0)

    def _copied(self, dtype: DTypeLike, function: Callable[[np.ndarray], np.ndarray] | None) -> np.ndarray:
        if not self.is_scaled:
            return copied_by_planes(self.stored, dtype, "C", function)

        def scaled(plane: np.ndarray) -> np.ndarray:  # nibabel's takes float64, 577 MB for 512x512x275
            values = plane * self.slope + self.intercept
            return values if function is None else function(values)

        return copied_by_planes(self.stored, dtype, "C", scaled)
