"""The part of a volume that holds the vessels, with an empty margin around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Region", "region_of"]


@dataclass(frozen=True)
class Region:
    """A box of voxels, possibly reaching past the volume's border.

    low: first voxel of the box, (i, j, k), negative where the margin leaves the volume.
    shape: size of the box in voxels.
    """

    low: tuple[int, int, int]
    shape: tuple[int, int, int]

    def take(self, volume: np.ndarray) -> np.ndarray:
        """A copy of the box out of `volume` (X, Y, Z); zero outside the volume."""
        box = np.zeros(self.shape, dtype=volume.dtype)
        inside, source = self._overlap(volume.shape)
        box[inside] = volume[source]
        return box

    def put(self, box: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """A volume of `shape` with `box` in its place and zero elsewhere: what `take` took, put back."""
        volume = np.zeros(shape, dtype=box.dtype)
        self.put_into(volume, box)
        return volume

    def put_into(self, volume: np.ndarray, box: np.ndarray) -> None:
        """Write `box` to its place in `volume` (X, Y, Z), which may be a view of another."""
        inside, source = self._overlap(volume.shape)
        volume[source] = box[inside]

    def _overlap(self, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """What box and volume have in common, in the box's voxels and in the volume's."""
        inside, source = [], []
        for low, size, length in zip(self.low, self.shape, shape):
            first, last = max(low, 0), min(low + size, length)
            inside.append(slice(first - low, last - low))
            source.append(slice(first, last))
        return tuple(inside), tuple(source)

    def affine(self, affine: np.ndarray) -> np.ndarray:
        """The affine of the box, so that its voxels stay where they are in the patient."""
        moved = np.array(affine, dtype=np.float64)
        moved[:3, 3] = moved[:3, :3] @ np.asarray(self.low, float) + moved[:3, 3]
        return moved


def region_of(mask: np.ndarray, margin: int = 6) -> Region | None:
    """The bounding box of the voxels > 0 in `mask` (X, Y, Z), `margin` voxels wider on every side.

    None for an empty mask. The margin is kept also at the volume's border, where `take` fills it with
    zeros: that closes the surface of a vessel which leaves the scan.

    Example:
        >>> mask = np.zeros((9, 9, 9), bool)
        >>> mask[4, 4, 2:8] = True
        >>> region = region_of(mask, margin=2)
        >>> region.low, region.shape
        ((2, 2, 0), (5, 5, 10))
        >>> bool((region.put(region.take(mask), mask.shape) == mask).all())
        True
    """
    box: list[slice] = [slice(None)] * 3
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        used = np.flatnonzero(mask[tuple(box)].any(axis=others))
        if used.size == 0:
            return None
        box[axis] = slice(int(used[0]), int(used[-1]) + 1)
    low = tuple(s.start - margin for s in box)
    shape = tuple(s.stop - s.start + 2 * margin for s in box)
    return Region(low, shape)
