"""Fewer triangles, where a viewer or a printer wants them."""

from __future__ import annotations

import numpy as np
import pyvista as pv
from vtkmodules.vtkFiltersCore import vtkQuadricDecimation

from bundle.geometry.mesh import (
    areas_mm2,
    check_mesh,
    keep_faces,
    make_mesh,
    part_of_vertices,
    triangles,
    volume_mm3,
)
from bundle.geometry.offset import restore_volumes


def mean_edge_mm(mesh: pv.PolyData) -> float:
    """Mean length of the edges, mm."""
    corner = np.asarray(mesh.points, float)[triangles(mesh)]
    return float(np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).mean())


def decimate(mesh: pv.PolyData, keep: float) -> pv.PolyData:
    """A closed mesh with about the share `keep` (0 to 1) of its triangles and the volume of each part kept.

    Quadric error decimation (Garland and Heckbert, SIGGRAPH 1997), a part at a time. A part that would not
    stay closed is decimated half as much, then not at all.

    Raises:
        ValueError: `keep` outside of 0..1.
    """
    if not 0.0 < keep <= 1.0:
        raise ValueError(f"the share of triangles to keep lies between 0 and 1; it is {keep}")
    faces = triangles(mesh)
    n_parts, part = part_of_vertices(faces, mesh.n_points)
    points, all_faces, offset = [], [], 0
    for number in range(n_parts):
        own = keep_faces(mesh, part[faces[:, 0]] == number)
        done = own
        for share in (keep, 0.5 * (1.0 + keep)):
            fewer = _decimated(own, share)
            if check_mesh(fewer)["watertight"]:
                done = restore_volumes(fewer, np.array([volume_mm3(own)]))
                break
        points.append(np.asarray(done.points))
        all_faces.append(triangles(done) + offset)
        offset += done.n_points
    return make_mesh(np.concatenate(points), np.concatenate(all_faces))


def _decimated(mesh: pv.PolyData, share: float) -> pv.PolyData:
    filter_ = vtkQuadricDecimation()
    filter_.SetInputData(mesh)
    filter_.SetTargetReduction(1.0 - share)
    filter_.VolumePreservationOn()
    filter_.Update()
    out = pv.wrap(filter_.GetOutput())
    faces = triangles(out)
    used, renumbered = np.unique(faces, return_inverse=True)
    return make_mesh(np.asarray(out.points, np.float64)[used], renumbered.reshape(-1, 3))


def to_edge_length(mesh: pv.PolyData, edge_mm: float) -> pv.PolyData:
    """A closed mesh whose edges are about `edge_mm` long, by decimation.

    Raises:
        ValueError: the edges are longer already, or `edge_mm` is not positive: a coarser mesh has no more
            detail to give.
    """
    now = mean_edge_mm(mesh)
    if not edge_mm > 0:
        raise ValueError(f"an edge length is positive, in mm; it is {edge_mm}")
    if edge_mm < 0.95 * now:
        raise ValueError(f"edges of {now:.2f} mm cannot be made as short as {edge_mm:g} mm by decimation")
    area = float(areas_mm2(mesh.points, triangles(mesh)).sum())
    wanted = area / (np.sqrt(3) / 4 * edge_mm**2)
    return decimate(mesh, min(1.0, wanted / mesh.n_cells))
