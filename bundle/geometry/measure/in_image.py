"""What the CT itself shows of a narrowing: whether the lumen narrows there too, and calcium beside it.

A mask narrows where its reader or network drew it narrow. The CT is a second witness. The amount of contrast
in a section, the integral of what is brighter than the wall, goes with the lumen's area whatever the blur of
the scanner, which moves contrast and loses none; the ratio of two sections of one vessel needs no threshold
and no calibration (densitometry, accurate also where a vessel is thinner than the blur: Med Phys 2002,
doi:10.1118/1.1488603; ratio of contrast with and without a stenosis: J Med Imaging 2020, PMC7528002). A
diameter at half of the maximum would vanish with such a lumen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cc3d
import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from bundle.common.coordinates import check_affine, voxel_to_world, voxel_volume_mm3, world_to_voxel
from bundle.common.polylines import across, smooth, tangents
from bundle.geometry.core import Branch, Tree, sample_volume

from .stenosis import Stenosis
from .whole import whole_vessels

__all__ = ["NOT_IN_IMAGE", "seen_in_image"]

NOT_IN_IMAGE = "the image does not narrow there"
_RAYS, _SAMPLES = 24, 28
_SHOULDER_MM, _APART_MM = 12.0, 1.0  # of vessel beside a narrowing, from so far off its ends
_LEAST_SHOULDER = 4  # samples
_TISSUE_HU = 75.0  # of walls and of plaque without calcium, about
_LEAST_CONTRAST_HU = 75.0
_NARROWS, _PART = 20.0, 0.5  # it narrows from so many percent, and this part of those in the mask, on
_MIDDLE = 0.4  # of the radius, where the lumen's own attenuation is
_CALCIUM_HU, _SIGMAS = 130.0, 3.0  # over the lumen's attenuation, and its noise
_BESIDE_WALL_MM, _AROUND_MM = 1.5, 4.0
_LEAST_CALCIUM_MM3 = 0.5


@dataclass(frozen=True)
class _Stretch:
    """A narrowing with the vessel on both sides, along the whole of the vessel.

    points, tangent: (N, 3). along: (N,) mm. within, beside: (N,) bool, the narrowing and its shoulders.
    radius_mm: of the reference.
    """

    points: np.ndarray
    tangent: np.ndarray
    along: np.ndarray
    within: np.ndarray
    beside: np.ndarray
    radius_mm: float


def _stretch(line: Branch, start_mm: float, end_mm: float, radius_mm: float) -> _Stretch:
    along, tangent = line.along_mm, tangents(smooth(line.points, 2.0))
    part = (along >= start_mm - _SHOULDER_MM - 2) & (along <= end_mm + _SHOULDER_MM + 2)
    away = np.maximum(start_mm - along, along - end_mm)
    beside = line.free & (away > _APART_MM) & (away <= _SHOULDER_MM)
    within = away <= 0
    return _Stretch(line.points[part], tangent[part], along[part], within[part], beside[part], radius_mm)


def _polar(image: np.ndarray, affine: np.ndarray, stretch: _Stretch) -> tuple[np.ndarray, float]:
    """The image in the planes across a stretch, (N, rays, samples), smoothed by 0.5 mm along it; the step."""
    u, v = across(stretch.tangent)
    angle = 2 * np.pi * np.arange(_RAYS) / _RAYS
    way = u[:, None] * np.cos(angle)[None, :, None] + v[:, None] * np.sin(angle)[None, :, None]
    reach = 1.8 * stretch.radius_mm + 0.8
    offset = np.linspace(0, reach, _SAMPLES)
    place = stretch.points[:, None, None] + way[:, :, None] * offset[:, None]
    values = sample_volume(image, affine, place.reshape(-1, 3)).reshape(len(way), _RAYS, _SAMPLES)
    return gaussian_filter1d(values, 1.0, axis=0, mode="nearest"), float(offset[1])


def _amount(values: np.ndarray, step: float, low_hu: float, lumen_hu: float, calcium_hu: float) -> np.ndarray:
    """Radius (N,), mm, of the lumen that holds the contrast of sections (N, rays, samples).

    A ray counts as far as it falls: what rises again behind the wall is another vessel, or a chamber.
    """
    part = np.clip((values - low_hu) / (lumen_hu - low_hu), 0.0, 1.0)
    part[values > calcium_hu] = 0.0
    part = np.minimum.accumulate(part, axis=2)
    square = 2.0 * (part @ np.arange(values.shape[2])) * step**2
    square = np.minimum(square, 1.6**2 * np.median(square, axis=1, keepdims=True))
    return np.sqrt(square.mean(axis=1))


def _percent(radius: np.ndarray, stretch: _Stretch) -> float | None:
    """How much narrower the narrowest place is than the line between the shoulders; None without these."""
    before = stretch.beside & (stretch.along < stretch.along[stretch.within][0])
    ends = [own for own in (before, stretch.beside & ~before) if own.sum() >= _LEAST_SHOULDER]
    if not ends:
        return None
    places = [float(stretch.along[own].mean()) for own in ends]
    usual = [float(np.median(radius[own])) for own in ends]
    reference = np.interp(stretch.along[stretch.within], places, usual)
    if reference.min() <= 0:
        return None
    return float(100 * np.clip(1 - radius[stretch.within] / reference, 0, 1).max())


def _calcium_mm3(image: np.ndarray, affine: np.ndarray, stretch: _Stretch, least_hu: float) -> float:
    """Volume of what is brighter than `least_hu` within 1.5 mm of the vessel's wall along a narrowing.

    Parts that reach out of there with more than half of themselves are a chamber, or another vessel.
    """
    own = stretch.points[stretch.within]
    near_mm = stretch.radius_mm + _BESIDE_WALL_MM
    margin = (near_mm + _AROUND_MM) * np.linalg.norm(np.linalg.inv(affine)[:3, :3], axis=1)
    index = world_to_voxel(own, affine)
    low = np.maximum(np.floor(index.min(axis=0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=0) + margin).astype(int) + 1, image.shape)
    if (high <= low).any():
        return 0.0
    box = image[tuple(slice(a, b) for a, b in zip(low, high))] > least_hu
    parts = cc3d.connected_components(box, connectivity=26)
    voxels = np.argwhere(parts)
    if len(voxels) == 0:
        return 0.0
    part = parts[tuple(voxels.T)]
    near = cKDTree(own).query(voxel_to_world(voxels + low, affine))[0] <= near_mm
    all_of, near_of = np.bincount(part), np.bincount(part, weights=near)
    kept = 2 * near_of > all_of
    return float((near_of * kept).sum() * voxel_volume_mm3(affine))


def _lumen_hu(image: np.ndarray, affine: np.ndarray, tree: Tree) -> float:
    """The median attenuation along the wide vessels of a tree, all of them where none is wide."""
    points = np.concatenate([branch.points for branch in tree.branches])
    wide = np.concatenate([branch.radius for branch in tree.branches]) >= 1.0
    points = points[wide] if wide.sum() > 20 else points
    return float(np.median(sample_volume(image, affine, points)))


def _looked_at(
    image: np.ndarray, affine: np.ndarray, lesion: Stenosis, stretch: _Stretch, usual_hu: float
) -> Stenosis:
    inside = world_to_voxel(stretch.points, affine)
    if (inside < -0.5).any() or (inside > np.array(image.shape) - 0.5).any() or not stretch.within.any():
        return lesion
    values, step = _polar(image, affine, stretch)
    middle = values[:, :, : max(int(_MIDDLE * stretch.radius_mm / step), 1)]
    shoulders = middle[stretch.beside] if stretch.beside.any() else middle
    lumen_hu = float(np.median(shoulders))
    noise_hu = 1.4826 * float(np.median(np.abs(shoulders - lumen_hu)))
    calcium_hu = max(lumen_hu, usual_hu) + max(_CALCIUM_HU, _SIGMAS * noise_hu)
    calcium = _calcium_mm3(image, affine, stretch, calcium_hu)
    calcium = round(calcium, 2) if calcium >= _LEAST_CALCIUM_MM3 else 0.0
    found = replace(lesion, calcium_mm3=calcium)
    if lumen_hu - _TISSUE_HU < _LEAST_CONTRAST_HU:
        return found
    percent = _percent(_amount(values, step, _TISSUE_HU, lumen_hu, calcium_hu), stretch)
    if percent is None:
        return found
    narrows = percent >= max(_NARROWS, _PART * lesion.percent_diameter)
    # Calcium is as bright as contrast at its edges: beside it a lumen that seems wide proves nothing.
    why = NOT_IN_IMAGE if not narrows and not calcium and lesion.assessable else lesion.not_assessable_because
    return replace(found, percent_in_image=percent, narrows_in_image=narrows, not_assessable_because=why)


def seen_in_image(
    tree: Tree, lesions: Sequence[Stenosis], image: np.ndarray, affine: np.ndarray
) -> list[Stenosis]:
    """The narrowings of `find_stenoses` with what the CT says of each, in the same order.

    `percent_in_image` is of the diameter whose area goes with the contrast in a section, against the vessel
    within 12 mm on both sides; `narrows_in_image` from 20 % and half of the mask's percentage on. One that
    could be judged, does not narrow in the image and has no calcium beside it, no longer can be.
    `calcium_mm3` is the volume within 1.5 mm of the wall that is brighter than the lumen by 130 HU (the
    level of Agatston et al., JACC 1990, without contrast), or by three times its noise where that is more; 0
    under 0.5 mm3. It blooms, so it is less in the patient. The lumen's level is that beside the narrowing or
    of all wide vessels, whichever is more, and parts of something larger are left out: both keep chambers
    and other vessels from being taken for calcium. All stay None where the image does not show the place,
    the first two where its lumen has little contrast.

    Args:
        image: (X, Y, Z), HU, on any grid; it need not be the mask's.
        affine: (4, 4) of the image, voxel to RAS mm.
    """
    affine = check_affine(affine)
    if not lesions:
        return []
    usual_hu = _lumen_hu(image, affine, tree)
    place = {
        part: (vessel.line, start)
        for vessel in whole_vessels(tree)
        for part, start in zip(vessel.parts, vessel.starts_mm)
    }
    found = []
    for lesion in lesions:
        line, begin = place[lesion.branch]
        ends = (begin + lesion.start_mm, begin + lesion.end_mm)
        stretch = _stretch(line, *ends, lesion.reference_diameter_mm / 2)
        found.append(_looked_at(image, affine, lesion, stretch, usual_hu))
    return found
