"""Voxels, millimetres and patient axes: the only place where RAS becomes LPS."""

from __future__ import annotations

import numpy as np

__all__ = [
    "check_affine", "ras_to_lps", "shear_deg", "voxel_size_mm", "voxel_to_world", "voxel_volume_mm3",
    "voxels_of", "world_to_voxel",
]  # fmt: skip

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def ras_to_lps(vectors: np.ndarray) -> np.ndarray:
    """RAS points or directions, (..., 3), as LPS ones of the same shape.

    A half turn about the head-foot axis, so it is its own inverse and keeps the winding of triangles.
    nibabel's affines are RAS; ITK, VTK's medical tools and 3D Slicer's files are LPS.
    """
    return np.asarray(vectors) @ _RAS_TO_LPS


def check_affine(affine: np.ndarray) -> np.ndarray:
    """The affine as a (4, 4) float64 array.

    Raises:
        ValueError: not 4x4, not finite, last row not 0 0 0 1, or singular (voxels without a volume).
    """
    affine = np.asarray(affine, dtype=np.float64)
    if affine.shape != (4, 4):
        raise ValueError(f"the affine must be a 4x4 matrix; its shape is {affine.shape}")
    if not np.isfinite(affine).all():
        raise ValueError("the affine holds NaN or infinite numbers; voxels have no place in the patient")
    if not np.allclose(affine[3], [0, 0, 0, 1]):
        raise ValueError(f"the last row of the affine must be 0 0 0 1; it is {affine[3].tolist()}")
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if sizes.min() <= 0 or abs(np.linalg.det(affine[:3, :3])) < 1e-6 * sizes.prod():
        raise ValueError("the affine is singular: its axes do not span space, so voxels have no volume")
    return affine


def voxels_of(mask: np.ndarray) -> np.ndarray:
    """Indices (N, 3) of a bool volume's true voxels, as `np.argwhere` gives them, ten times as fast."""
    return np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape), axis=1)


def voxel_size_mm(affine: np.ndarray) -> np.ndarray:
    """Edge lengths of a voxel along the three array axes, (3,), mm."""
    return np.linalg.norm(np.asarray(affine, float)[:3, :3], axis=0)


def voxel_volume_mm3(affine: np.ndarray) -> float:
    """Volume of one voxel, mm3 (right for a sheared affine too)."""
    return float(abs(np.linalg.det(np.asarray(affine, float)[:3, :3])))


def shear_deg(affine: np.ndarray) -> float:
    """Largest departure of two array axes from a right angle, degrees (0 for an ordinary scan)."""
    axes = np.asarray(affine, float)[:3, :3] / voxel_size_mm(affine)
    cosines = np.abs((axes.T @ axes)[np.triu_indices(3, 1)])
    return float(np.degrees(np.arcsin(np.clip(cosines.max(), 0.0, 1.0))))


def voxel_to_world(ijk: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Voxel indices (N, 3), fractions allowed, as RAS points (N, 3) in mm."""
    affine = np.asarray(affine, float)
    # Not `@`: BLAS with several threads takes six times as long for so narrow a product.
    points = np.einsum("...k,lk->...l", np.asarray(ijk, float), affine[:3, :3])
    points += affine[:3, 3]
    return points


def world_to_voxel(points_mm: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """RAS points (N, 3) in mm as fractional voxel indices (N, 3)."""
    return voxel_to_world(points_mm, np.linalg.inv(np.asarray(affine, float)))
