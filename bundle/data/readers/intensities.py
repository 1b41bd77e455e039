"""Whether numbers are the Hounsfield units of a contrast-enhanced CT: mended, warned of, or refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage

from bundle.common.errors import InputError

__all__ = ["OFFSET", "check_intensities"]

AIR = -1024.0
OFFSET = 1024.0
_POOL_MM = 3.0  # noise averages out, and vessels as wide as the aorta stay
_PADDING = -1100.0  # no tissue or air is darker; a scanner fills what it did not see with -2000, -3024 ...
_GAP = 50.0  # between padding and the darkest air
_LEAST_PADDING = 1e-3  # of all voxels, for padding
_LEAST_AIR = 0.01  # of the volume: lung or the air around the patient is in every scan of a chest
_BLOOD = (200.0, 900.0)
_AORTA_RADIUS_MM = 12.0  # inscribed at 3 mm voxels: 20 to 28 mm in scans with contrast
_TOP = 5000.0


def check_intensities(
    path: str, volume: torch.Tensor, spacing_mm: Sequence[float]
) -> tuple[torch.Tensor, list[str]]:
    """HU of a volume (X, Y, Z) float32 as well as they can be known, and warnings, a sentence each.

    - A padding value darker than any tissue becomes air, -1024 HU.
    - HU stored with 1024 added (DICOM's unsigned numbers without their intercept) lose it: nothing is below
      0, and soft tissue lies near 1024 with little between it and the air.
    - Without air, or without a bright vessel as wide as the aorta, the numbers stay, with a warning.

    ``volume`` is changed in place where it is mended.

    Raises:
        InputError: the numbers span less than 100 or far more than those of a CT, so no HU can be in them.
    """
    warnings: list[str] = []
    low, high = (float(v) for v in torch.aminmax(volume))
    _refuse(path, volume, low, high)
    if low < _PADDING:
        padding = volume == low
        inside = float(volume[~padding].min())
        if float(padding.float().mean()) >= _LEAST_PADDING and inside > low + _GAP:
            warnings.append(f"voxels of {low:g} HU, outside the scanner's view, were taken for air")
            volume[padding] = low = inside
    pooled, pooled_mm = _pooled(volume, spacing_mm)
    if low > -50 and _has_offset(pooled):
        volume -= OFFSET
        pooled = pooled - OFFSET
        warnings.append(
            "nothing is below 0 and soft tissue lies near 1024, so the values were taken for Hounsfield "
            "units with 1024 added, and 1024 was subtracted"
        )
    if warnings:
        volume.clamp_(min=AIR)
    air = float((pooled < -700).mean())
    if air < _LEAST_AIR:
        warnings.append(
            f"this does not look like a CT of the chest in Hounsfield units: {100 * air:.1f} % of it is near "
            "the -1000 of air and lung; an MR, a rescaled image or a narrow crop gives no result to trust"
        )
    elif _widest_blood_mm(pooled, pooled_mm) < _AORTA_RADIUS_MM:
        warnings.append(
            "no contrast is seen: nothing as wide as the aorta is brighter than 200 HU, so the coronary "
            "arteries can hardly be told from what is around them"
        )
    return volume, warnings


def _refuse(path: str, volume: torch.Tensor, low: float, high: float) -> None:
    if low == high:
        raise InputError(f"'{path}' is constant, every voxel is {low:g}: expected a CT in Hounsfield units")
    expected = "expected Hounsfield units, air at -1000 and contrast at 200 to 700"
    if high - low < 100:
        raise InputError(
            f"'{path}' has values from {low:g} to {high:g}, as if they were normalised: {expected}"
        )
    above = float((volume > _TOP).float().mean()) if high > _TOP else 0.0
    if low < -32768 or high > 65535 or above > 0.01:
        raise InputError(f"'{path}' has values from {low:g} to {high:g}, which no CT has: {expected}")


def _pooled(volume: torch.Tensor, spacing_mm: Sequence[float]) -> tuple[np.ndarray, list[float]]:
    """The volume at about 3 mm, and its voxel size in mm."""
    factors = [min(n, max(1, round(_POOL_MM / s))) for n, s in zip(volume.shape, spacing_mm)]
    pooled = torch.nn.functional.avg_pool3d(volume[None, None], factors)[0, 0]
    return pooled.numpy(), [f * s for f, s in zip(factors, spacing_mm)]


def _has_offset(pooled: np.ndarray) -> bool:
    air, tissue = (pooled < 250).mean(), ((pooled > 824) & (pooled < 1224)).mean()
    between = ((pooled > 400) & (pooled < 750)).mean()
    return bool(air > 0.05 and tissue > 0.2 and between < 0.15)


def _widest_blood_mm(pooled: np.ndarray, pooled_mm: Sequence[float]) -> float:
    """Radius of the largest ball that is as bright as blood with contrast."""
    blood = np.pad((pooled > _BLOOD[0]) & (pooled < _BLOOD[1]), 1)
    return float(ndimage.distance_transform_edt(blood, sampling=pooled_mm).max())
