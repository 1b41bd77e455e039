"""Cross-sections of the lumen along a curve: centre, area, diameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from bundle.common.coordinates import world_to_voxel
from bundle.common.polylines import across

__all__ = ["Lumen", "Sections", "cross_sections"]

_RAYS, _SAMPLES = 32, 40  # of a section, of a ray
_NEAR = 18  # samples of a ray among which nearly all walls lie


@dataclass(frozen=True)
class Lumen:
    """What cross-sections are taken of.

    field: (X, Y, Z) float32. Soft: occupancy, 0 outside to 1 inside, as a binary mask gives it. Otherwise a
        level set, 0 on the wall and positive inside, as a probability gives it.
    affine: (4, 4) voxel to RAS mm.
    """

    field: np.ndarray
    affine: np.ndarray
    soft: bool


@dataclass(frozen=True)
class Sections:
    """One row a section: centroid (N, 3) RAS mm, area (N,) mm2."""

    centroid: np.ndarray
    area: np.ndarray

    @property
    def radius(self) -> np.ndarray:
        """Radius of the circle of the same area, (N,) mm."""
        return np.sqrt(self.area / np.pi)


def _ray_lengths(values: np.ndarray, reach: np.ndarray, soft: bool) -> np.ndarray:
    """Wall distance along each ray from values (N, R, S) sampled evenly from 0 to `reach` (N,)."""
    n_samples = values.shape[2]
    step = (reach / (n_samples - 1))[:, None]
    if soft:
        # Half the squared wall distance is the integral of occupancy times r: unbiased for a binary mask,
        # whose interpolated edge is a ramp. The running minimum stops at the first wall.
        weight = np.minimum.accumulate(values, axis=2)
        return np.sqrt(2.0 * (weight @ np.arange(n_samples))) * step
    out = values <= 0
    first = np.where(out.any(axis=2), out.argmax(axis=2), n_samples - 1)
    before = np.maximum(first - 1, 0)
    a = np.take_along_axis(values, before[..., None], axis=2)[..., 0]
    b = np.take_along_axis(values, first[..., None], axis=2)[..., 0]
    fraction = np.clip(a / np.where(a - b > 1e-6, a - b, 1.0), 0.0, 1.0)
    return (before + fraction) * step


def _along_rays(lumen: Lumen, middle: np.ndarray, way: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """The field along rays, (N, R, S): 0 behind a level set's wall, where nobody asks for it.

    Args:
        middle: (N, 3) of sections, in voxels. way: (N, R, 3) along a ray, voxels a mm. offset: (N, S) mm.
    """

    def sampled(section: np.ndarray, ray: np.ndarray, offset: np.ndarray) -> np.ndarray:
        index = way[section, ray].T[..., None] * offset[section]
        index += middle[section].T[..., None]
        found = map_coordinates(lumen.field, index.reshape(3, -1), order=1, mode="nearest", output=np.float32)
        return found.reshape(index.shape[1:])

    values = np.zeros((*way.shape[:2], offset.shape[1]), np.float32)
    section, ray = np.indices(way.shape[:2]).reshape(2, -1)
    values[section, ray, :_NEAR] = near = sampled(section, ray, offset[:, :_NEAR])
    goes_on = np.ones(len(near), bool) if lumen.soft else (near > 0).all(axis=1)
    section, ray = section[goes_on], ray[goes_on]
    values[section, ray, _NEAR:] = sampled(section, ray, offset[:, _NEAR:])
    return values


def cross_sections(
    lumen: Lumen, points: np.ndarray, tangent: np.ndarray, expected_mm: np.ndarray, longest: float = np.inf
) -> Sections:
    """Sections at `points` (N, 3) across `tangent` (N, 3), by 32 rays in the plane.

    Args:
        expected_mm: (N,) rough radius; a ray looks up to 2.2 times that and 0.8 mm further. A ray longer
            than 1.6 times the section's median has found a side branch and ends there.
        longest: no ray is longer than this many times `expected_mm`.
    """
    u, v = across(tangent)
    angle = 2 * np.pi * np.arange(_RAYS) / _RAYS
    direction = u[:, None] * np.cos(angle)[None, :, None] + v[:, None] * np.sin(angle)[None, :, None]
    reach = 2.2 * expected_mm + 0.8
    offset = reach[:, None] * np.linspace(0, 1, _SAMPLES)[None]
    # Centres and directions are few, their samples many: so these are placed in voxels, not in mm.
    middle = world_to_voxel(points, lumen.affine).astype(np.float32)
    way = (world_to_voxel(direction, lumen.affine) - world_to_voxel(np.zeros(3), lumen.affine)).astype(
        np.float32
    )
    values = _along_rays(lumen, middle, way, offset.astype(np.float32))
    rays = _ray_lengths(values, reach, lumen.soft)
    rays = np.minimum(rays, 1.6 * np.median(rays, axis=1, keepdims=True))
    rays = np.minimum(rays, longest * expected_mm[:, None])
    square = (rays**2).sum(axis=1)
    moment = np.einsum("nr,nrd->nd", rays**3, direction) * (2.0 / 3.0)
    centroid = points + moment / np.where(square > 0, square, 1.0)[:, None]
    return Sections(centroid, square * np.pi / _RAYS)
