"""Resize a volume to voxels of a given size, along its own axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor

from .resize import ResizeVolume, ResizeVolumed


class ResizeToSpacing(ResizeVolume):
    """`ResizeVolume` to as many voxels as bring each axis nearest to ``spacing_mm``.

    The field of view stays exactly what it was, so the spacing is met to half a voxel over the whole scan.
    MONAI's `Spacing` interpolates between two neighbours also where it shrinks, which aliases noise; here
    ``area`` averages.

    Args:
        spacing_mm: of the result, along every axis.
        mode, inverse_mode: as for `ResizeVolume`.
    """

    def __init__(self, spacing_mm: float, mode: str = "area", inverse_mode: str = "linear") -> None:
        if not spacing_mm > 0:
            raise ValueError(f"spacing_mm must be positive, got {spacing_mm}.")
        super().__init__((1, 1, 1), mode, inverse_mode)
        self.spacing_mm = spacing_mm

    def size_of(self, img: MetaTensor) -> tuple[int, int, int]:
        """Voxels along each axis of what ``img`` (C, X, Y, Z) becomes."""
        sizes = zip(img.shape[1:], img.pixdim.tolist())
        return tuple(max(1, round(n * mm / self.spacing_mm)) for n, mm in sizes)

    def __call__(self, img: MetaTensor, mode: str | None = None) -> torch.Tensor:
        """``img`` of shape (C, X, Y, Z) with its affine (mm) becomes float32 at the spacing."""
        old_size = tuple(int(n) for n in img.shape[1:])
        out = self._resized(img, self.size_of(img), mode or self.mode)
        self.push_transform(out, orig_size=old_size, extra_info={"mode": self.inverse_mode})
        return out


class ResizeToSpacingd(ResizeVolumed):
    """Dictionary form of `ResizeToSpacing`; ``mode`` may be one a key."""

    def __init__(
        self,
        keys: KeysCollection,
        spacing_mm: float,
        mode: str | Sequence[str] = "area",
        inverse_mode: str = "linear",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, (1, 1, 1), mode, inverse_mode, allow_missing_keys)
        self.resizer = ResizeToSpacing(spacing_mm, inverse_mode=inverse_mode)
