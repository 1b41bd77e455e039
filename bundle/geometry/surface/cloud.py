"""Point clouds of the vessel: even samples of its wall, and the voxels of its lumen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyvista as pv
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_to_world
from bundle.geometry.core import areas_mm2, triangles, vertex_normals

__all__ = ["PointCloud", "surface_cloud", "voxel_cloud"]


@dataclass
class PointCloud:
    """Points (N, 3) in RAS mm, unit normals (N, 3) or None, and named values (N,) at the points."""

    points: np.ndarray
    normals: np.ndarray | None = None
    values: dict[str, np.ndarray] = field(default_factory=dict)


def _thin_out(points: np.ndarray, spacing_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Indices of points no two of which are closer than `spacing_mm`, and none can be added.

    A maximal independent set of the neighbour graph in rounds (Luby, SIAM J. Comput. 1986): a point stays
    when its random rank beats those of all neighbours still in play.
    """
    pairs = cKDTree(points).query_pairs(spacing_mm, output_type="ndarray")
    rank = rng.permutation(len(points))
    free = np.ones(len(points), bool)
    chosen = np.zeros(len(points), bool)
    while free.any():
        best = np.full(len(points), -1)
        np.maximum.at(best, pairs[:, 0], rank[pairs[:, 1]])
        np.maximum.at(best, pairs[:, 1], rank[pairs[:, 0]])
        won = free & (rank > best)
        chosen |= won
        free &= ~won
        touched = won[pairs]
        free[pairs[touched[:, 0], 1]] = False
        free[pairs[touched[:, 1], 0]] = False
        pairs = pairs[free[pairs].all(axis=1)]
    return np.flatnonzero(chosen)


def surface_cloud(mesh: pv.PolyData, spacing_mm: float = 0.5) -> PointCloud:
    """Blue-noise samples of the wall with outward normals.

    No two are closer than `spacing_mm`, and hardly a place on the wall is further than that from one:
    Poisson-disk sampling by elimination from a dense random sample, always the same one.
    """
    rng = np.random.default_rng(0)
    faces = triangles(mesh)
    points = np.asarray(mesh.points, np.float64)
    area = areas_mm2(mesh)
    count = max(16, int(np.ceil(4.0 * area.sum() / spacing_mm**2)))
    face = rng.choice(len(faces), size=count, p=area / area.sum())
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    dense = np.einsum("nk,nkd->nd", weights, points[faces[face]])
    kept = _thin_out(dense, spacing_mm, rng)
    normals = np.einsum("nk,nkd->nd", weights[kept], vertex_normals(mesh)[faces[face[kept]]])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return PointCloud(dense[kept], normals / np.where(length > 0, length, 1.0))


def voxel_cloud(mask: np.ndarray, affine: np.ndarray) -> PointCloud:
    """The centres of the lumen's voxels, as the paper shows them (mask (X, Y, Z), > 0 is lumen)."""
    return PointCloud(voxel_to_world(np.argwhere(np.asarray(mask) > 0), affine))
