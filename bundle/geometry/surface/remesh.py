"""Fewer triangles for a viewer or a printer, or edges of a wanted length for a solver."""

from __future__ import annotations

import numpy as np
import pyvista as pv

from bundle.geometry.core import (
    check_mesh,
    find_vessels,
    keep_faces,
    make_mesh,
    part_of_vertices,
    triangles,
    volume_mm3,
)

from .extract import vessel_surface
from .smoothing import restore_volumes, windowed_sinc

__all__ = ["decimate", "mean_edge_mm", "preview_surface", "remeshed", "to_edge_length"]

_MOST = 5_000_000  # triangles


def mean_edge_mm(mesh: pv.PolyData) -> float:
    """Mean length of the edges, mm."""
    corner = np.asarray(mesh.points, float)[triangles(mesh)]
    return float(np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).mean())


def decimate(mesh: pv.PolyData, keep: float) -> pv.PolyData:
    """A closed mesh with about the fraction `keep` (0 to 1) of its triangles, each part of its volume.

    Quadric error decimation (Garland and Heckbert, SIGGRAPH 1997), a part at a time. A part that would not
    stay closed is decimated half as much, then not at all.
    """
    faces = triangles(mesh)
    n_parts, part = part_of_vertices(mesh)
    points, all_faces, offset = [], [], 0
    for number in range(n_parts):
        own = keep_faces(mesh, part[faces[:, 0]] == number)
        done = own
        for fraction in (keep, 0.5 * (1.0 + keep)):
            fewer = own.decimate(1.0 - fraction, volume_preservation=True)
            if check_mesh(fewer)["watertight"]:
                done = restore_volumes(fewer, np.array([volume_mm3(own)]))
                break
        points.append(np.asarray(done.points))
        all_faces.append(triangles(done) + offset)
        offset += done.n_points
    return make_mesh(np.concatenate(points), np.concatenate(all_faces))


def to_edge_length(mesh: pv.PolyData, edge_mm: float) -> pv.PolyData:
    """A closed mesh of the same shape whose edges are about `edge_mm` long.

    Where its edges are too long, every triangle is divided into four, as often as it takes; then decimation
    brings their number down.

    Raises:
        ValueError: `edge_mm` is so short that there would be more than 5 million triangles.
    """
    wanted = mesh.area / (np.sqrt(3) / 4 * edge_mm**2)
    if wanted > _MOST:
        raise ValueError(f"edges of {edge_mm:g} mm would take {wanted / 1e6:.0f} million triangles")
    while edge_mm < 0.95 * mean_edge_mm(mesh):
        mesh = mesh.subdivide(1, "linear")
    return decimate(mesh, min(1.0, wanted / mesh.n_cells))


def remeshed(mesh: pv.PolyData, edge_mm: float | None, keep: float = 1.0) -> pv.PolyData:
    """The mesh with edges of this length, if there is one, and then this fraction of its triangles."""
    if edge_mm is not None:
        mesh = to_edge_length(mesh, edge_mm)
    return mesh if keep == 1.0 else decimate(mesh, keep)


def preview_surface(
    mask: np.ndarray,
    affine: np.ndarray,
    probability: np.ndarray | None = None,
    max_triangles: int = 8000,
    min_part_mm3: float = 10.0,
) -> pv.PolyData:
    """The smoothed wall with at most about `max_triangles`, RAS mm, to look at and not to measure.

    Unlike `decimate` it takes all parts at once, also those of a rough early prediction, and promises neither
    a closed mesh nor its volume.

    Args:
        mask: (X, Y, Z), > 0 is lumen. affine: (4, 4) voxel to RAS mm.
        probability: (X, Y, Z) in 0..1, places the wall between voxels.
        min_part_mm3: parts of the mask that are smaller are dropped: an early prediction is full of specks,
            and no `KeepComponentsd` stands before a dashboard.

    Returns:
        A mesh without points where the mask is empty or holds only specks.

    Raises:
        ValueError: wrong shapes or a bad affine.
    """
    vessels = find_vessels(mask, affine, probability, min_part_mm3=min_part_mm3)
    mesh = pv.PolyData() if vessels is None else vessel_surface(vessels)
    if mesh.n_cells == 0:
        return mesh
    mesh = windowed_sinc(mesh)
    return mesh if mesh.n_cells <= max_triangles else mesh.decimate(1.0 - max_triangles / mesh.n_cells)
