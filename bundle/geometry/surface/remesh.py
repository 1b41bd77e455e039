"""Fewer triangles for a viewer or a printer, or edges of a wanted length for a solver."""

from __future__ import annotations

import numpy as np
import pyvista as pv

from bundle.geometry.core import (
    check_mesh,
    keep_faces,
    make_mesh,
    part_of_vertices,
    triangles,
    volume_mm3,
)

from .offset import restore_volumes

__all__ = ["decimate", "mean_edge_mm", "to_edge_length"]

_MOST = 5_000_000  # triangles


def mean_edge_mm(mesh: pv.PolyData) -> float:
    """Mean length of the edges, mm."""
    corner = np.asarray(mesh.points, float)[triangles(mesh)]
    return float(np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).mean())


def decimate(mesh: pv.PolyData, keep: float) -> pv.PolyData:
    """A closed mesh with about the fraction `keep` (0 to 1) of its triangles, each part of its volume.

    Quadric error decimation (Garland and Heckbert, SIGGRAPH 1997), a part at a time. A part that would not
    stay closed is decimated half as much, then not at all.

    Raises:
        ValueError: `keep` outside of 0..1.
    """
    if not 0.0 < keep <= 1.0:
        raise ValueError(f"the fraction of triangles to keep lies between 0 and 1; it is {keep}")
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
        ValueError: `edge_mm` is not positive, or so short that there would be more than 5 million triangles.
    """
    if not edge_mm > 0:
        raise ValueError(f"an edge length is positive, in mm; it is {edge_mm}")
    wanted = mesh.area / (np.sqrt(3) / 4 * edge_mm**2)
    if wanted > _MOST:
        raise ValueError(f"edges of {edge_mm:g} mm would take {wanted / 1e6:.0f} million triangles")
    while edge_mm < 0.95 * mean_edge_mm(mesh):
        mesh = mesh.subdivide(1, "linear")
    return decimate(mesh, min(1.0, wanted / mesh.n_cells))
