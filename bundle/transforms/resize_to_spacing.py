"""Resize a volume to voxels of a given size, along its own axes."""

from __future__ import annotations

from collections.abc import Sequence

from monai.config import KeysCollection
from monai.data import MetaTensor

from .resize import ResizeVolumed


class ResizeToSpacingd(ResizeVolumed):
    """`ResizeVolumed` to as many voxels as bring each axis nearest to ``spacing_mm``.

    The field of view stays exactly what it was, so the spacing is met to half a voxel over the whole scan.
    MONAI's `Spacing` interpolates between two neighbours also where it shrinks, which aliases noise; here
    ``area`` averages.

    Args:
        keys: images (C, X, Y, Z) with their affine, mm.
        spacing_mm: of the result, along every axis; None leaves the volume as it is.
        mode, inverse_mode: as for `ResizeVolumed`.
    """

    def __init__(
        self,
        keys: KeysCollection,
        spacing_mm: float | None,
        mode: str | Sequence[str] = "area",
        inverse_mode: str = "linear",
        allow_missing_keys: bool = False,
    ) -> None:
        if spacing_mm is not None and not spacing_mm > 0:
            raise ValueError(f"spacing_mm must be positive, got {spacing_mm}.")
        super().__init__(keys, (1, 1, 1), mode, inverse_mode, allow_missing_keys)
        self.spacing_mm = spacing_mm

    def size_of(self, image: MetaTensor) -> tuple[int, int, int]:
        if self.spacing_mm is None:
            return tuple(image.shape[1:])
        sizes = zip(image.shape[1:], image.pixdim.tolist())
        return tuple(max(1, round(n * mm / self.spacing_mm)) for n, mm in sizes)
