"""Morphological opening of a mask with a ball given in millimetres."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import product

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from bundle.common.case_warnings import add_warning
from bundle.common.crop import region_of

__all__ = ["BinaryOpeningd", "ball_offsets", "open_mask"]


def ball_offsets(radius_mm: float, spacing_mm: Sequence[float]) -> list[tuple[int, int, int]]:
    """Voxel offsets whose centre lies within ``radius_mm`` of the origin, on a grid of ``spacing_mm``."""
    reach = [int(radius_mm / s + 1e-6) for s in spacing_mm]
    offsets = product(*[range(-n, n + 1) for n in reach])
    return [o for o in offsets if np.hypot.reduce(np.multiply(o, spacing_mm)) <= radius_mm * (1 + 1e-6)]


def _shifted(mask: np.ndarray, offsets: list[tuple[int, int, int]], combine: np.ufunc) -> np.ndarray:
    """Combine ``mask`` moved by every offset; voxels that come in from outside are background."""
    reach = np.abs(offsets).max(axis=0)
    padded = np.pad(mask, [(n, n) for n in reach])
    out = mask.copy()
    for offset in offsets:
        start = reach + offset
        window = tuple(slice(s, s + n) for s, n in zip(start, mask.shape))
        combine(out, padded[window], out=out)
    return out


def open_mask(mask: np.ndarray, radius_mm: float, spacing_mm: Sequence[float]) -> np.ndarray:
    """Erode, then dilate, a bool array (X, Y, Z) by a ball of ``radius_mm``.

    Parts thinner than the ball go, also the thin branches of a vessel. A radius under the smallest voxel edge
    changes nothing. Voxels outside the scan count as background.
    """
    if radius_mm <= 0:
        return mask
    offsets = ball_offsets(radius_mm, spacing_mm)
    region = region_of(mask, margin=0)
    if region is None or len(offsets) == 1:
        return mask
    # SciPy's binary_opening gives the same in three to four times the time (0.5 to 1.5 mm on a whole tree).
    eroded = _shifted(region.take(mask), offsets, np.logical_and)
    return region.put(_shifted(eroded, offsets, np.logical_or), mask.shape)


class BinaryOpeningd(MapTransform):
    """Open masks with a ball of ``radius_mm``; 0 leaves them as they are.

    Source: section 2.6 of the paper ("a binary opening operation removes small noise artifacts"), which does
    not say the size. In millimetres the result does not depend on how the scan was sampled. A warning of the
    case says where it took more than a tenth of the volume, or where voxels are too coarse for it.

    Args:
        keys: masks (C, X, Y, Z), any dtype, > 0 is foreground; each channel is opened by itself.

    Raises:
        ValueError: where ``radius_mm`` is negative.
    """

    def __init__(self, keys: KeysCollection, radius_mm: float) -> None:
        super().__init__(keys)
        if radius_mm < 0:
            raise ValueError(f"radius_mm must be 0 (off) or more, got {radius_mm}.")
        self.radius_mm = radius_mm

    def __call__(self, data: Mapping[Hashable, MetaTensor]) -> dict[Hashable, MetaTensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self._opened(d[key])
        return d

    def _opened(self, mask: MetaTensor) -> MetaTensor:
        if self.radius_mm == 0:
            return mask
        spacing_mm, channels = mask.pixdim.tolist(), mask.cpu().numpy()
        opened = np.stack([open_mask(channel > 0, self.radius_mm, spacing_mm) for channel in channels])
        out = MetaTensor(torch.as_tensor(opened).to(mask.device, mask.dtype)).copy_meta_from(mask)
        before, after = np.count_nonzero(channels), np.count_nonzero(opened)
        if len(ball_offsets(self.radius_mm, spacing_mm)) == 1:
            size = f"{self.radius_mm:g} mm does nothing at voxels of {min(spacing_mm):.2g} mm"
            add_warning(out.meta, f"an opening of {size}")
        elif before and after < 0.9 * before:
            add_warning(out.meta, f"the opening took {100 * (1 - after / before):.0f} % of the volume")
        return out
