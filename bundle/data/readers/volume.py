"""A volume as its file stores it, and the arrays that are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Volume"]

_SLAB = 32  # voxels along z that are copied at a time


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
        return self._by_slabs(np.float32, lambda values: values)

    def mask(self) -> np.ndarray:
        """(X, Y, Z) uint8, C-contiguous: 1 wherever the file is above 0."""
        return self._by_slabs(np.uint8, lambda values: values > 0)

    def _by_slabs(self, dtype, function) -> np.ndarray:
        # Files hold x fastest, tensors z: a copy by slabs is three times as fast as numpy's in one go, and
        # neither scaling (nibabel's takes float64, 577 MB for 512x512x275) nor a threshold needs a volume.
        out = np.empty(self.stored.shape, dtype)
        for start in range(0, self.stored.shape[2], _SLAB):
            slab = self.stored[:, :, start : start + _SLAB]
            if self.is_scaled:
                slab = slab * self.slope + self.intercept
            out[:, :, start : start + _SLAB] = function(slab)
        return out
