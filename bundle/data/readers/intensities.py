"""Whether numbers are the Hounsfield units of a contrast-enhanced CT: mended, warned of, or refused."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from bundle.common.errors import InputError

__all__ = ["OFFSET", "check_intensities"]

AIR = -1024.0
OFFSET = 1024.0
_FINE_MM, _POOL_MM = 1.0, 3.0  # what thin vessels are seen in; noise averages out, and the aorta stays
_PADDING = -1100.0  # no tissue or air is darker; a scanner fills what it did not see with -2000, -3024 ...
_GAP = 50.0  # between padding and the darkest air
_LEAST_PADDING = 1e-3  # of all voxels, for padding
_LEAST_AIR = 0.01  # of the volume: lung or the air around the patient is in every scan of a chest
_BLOOD = (200.0, 900.0)
_AORTA_RADIUS_MM = 12.0  # inscribed at 3 mm voxels: 20 to 28 mm in scans with contrast
_FAT = -100.0
_TISSUE = (0.0, 700.0)  # muscle and blood, in which noise is measured: in the evenest
_EVENEST, _BLOCK_MM = 0.1, 7.0  # part of blocks of this size
_LEAST_BLOCKS = 100
_LEAST_CONTRAST = 7.0  # of blood over fat, in noise of voxels of 1 mm (docs/results/native.md)
_TOP = 5000.0


def check_intensities(
    path: str, volume: torch.Tensor, spacing_mm: Sequence[float]
) -> tuple[torch.Tensor, list[str]]:
    """HU of a volume (X, Y, Z) float32 as well as they can be known, and warnings, a sentence each.

    - A padding value darker than any tissue becomes air, -1024 HU.
    - HU stored with 1024 added (DICOM's unsigned numbers without their intercept) lose it: nothing is below
      0, and soft tissue lies near 1024 with little between it and the air.
    - Without air, without a bright vessel as wide as the aorta, or with much noise for what contrast there
      is, the numbers stay, with a warning.

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
    pooled, pooled_mm = _pooled(volume, spacing_mm, _POOL_MM)
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
    else:
        widest_mm, blood = _widest_blood(pooled, pooled_mm)
        if widest_mm < _AORTA_RADIUS_MM:
            warnings.append(
                "no contrast is seen: nothing as wide as the aorta is brighter than 200 HU, so the coronary "
                "arteries can hardly be told from what is around them"
            )
        elif (noise := _noise(volume, spacing_mm)) is not None and blood - _FAT < _LEAST_CONTRAST * noise:
            warnings.append(
                f"the noise is high for the contrast, {noise:.0f} HU in voxels of 1 mm where blood has "
                f"{blood:.0f} HU: much of the arteries may be missing"
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


def _pooled(
    volume: torch.Tensor, spacing_mm: Sequence[float], goal_mm: float
) -> tuple[np.ndarray, list[float]]:
    """The volume's means in voxels of about `goal_mm`, and their size in mm."""
    factors = [min(n, max(1, round(goal_mm / s))) for n, s in zip(volume.shape, spacing_mm)]
    pooled = functional.avg_pool3d(volume[None, None], factors)[0, 0]
    return pooled.numpy(), [f * s for f, s in zip(factors, spacing_mm)]


def _has_offset(pooled: np.ndarray) -> bool:
    air, tissue = (pooled < 250).mean(), ((pooled > 824) & (pooled < 1224)).mean()
    between = ((pooled > 400) & (pooled < 750)).mean()
    return bool(air > 0.05 and tissue > 0.2 and between < 0.15)


def _widest_blood(pooled: np.ndarray, pooled_mm: Sequence[float]) -> tuple[float, float]:
    """Radius (mm) of the largest ball that is as bright as blood with contrast, and its HU; 0, 0 of none."""
    blood = np.pad((pooled > _BLOOD[0]) & (pooled < _BLOOD[1]), 1)
    depth = ndimage.distance_transform_edt(blood, sampling=pooled_mm)[1:-1, 1:-1, 1:-1]
    widest = float(depth.max())
    return widest, float(np.median(pooled[depth >= 0.7 * widest])) if widest else 0.0


def _noise(volume: torch.Tensor, spacing_mm: Sequence[float]) -> float | None:
    """Standard deviation (HU) in voxels of about 1 mm, in the middle of the scan; None where that is small.

    Of the blocks of muscle and blood there that with a tenth of the others below it: most of the others hold
    borders. After Christianson et al. (AJR 205, 2015, W93 to W99), who take the commonest of soft tissue,
    for which a narrow scan of the heart has too little of it.
    """
    middle = volume[tuple(slice(n // 4, n - n // 4) for n in volume.shape)]
    fine, fine_mm = _pooled(middle, spacing_mm, _FINE_MM)
    size = [min(n, max(2, round(_BLOCK_MM / s))) for n, s in zip(fine.shape, fine_mm)]
    voxels = torch.from_numpy(fine)[None, None]
    mean, square = (functional.avg_pool3d(v, size)[0, 0] for v in (voxels, voxels.square()))
    count = math.prod(size)
    spread = (square - mean.square()).clamp_(min=0).mul_(count / max(count - 1, 1)).sqrt_()
    spread = spread[(mean > _TISSUE[0]) & (mean < _TISSUE[1])].numpy()
    return float(np.quantile(spread, _EVENEST)) if len(spread) >= _LEAST_BLOCKS else None
