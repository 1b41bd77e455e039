"""Moving a wall along its normals until it encloses a given volume."""

from __future__ import annotations

import numpy as np
import pyvista as pv

from bundle.geometry.core import (
    areas_mm2,
    make_mesh,
    part_of_vertices,
    signed_volumes_mm3,
    triangles,
    vertex_normals,
)

__all__ = ["restore_volumes", "shift_to_volume"]

# No wall moves further than this part of volume / area, half the radius of a tube: 5 % of volume.
_LIMIT = 0.05


def restore_volumes(mesh: pv.PolyData, volumes_mm3: np.ndarray) -> pv.PolyData:
    """The mesh with every part enclosing its entry of `volumes_mm3` (parts,), by one move a part.

    Parts are numbered as by `part_of_vertices`. Two Newton steps of missing volume / area; the whole move is
    a hundredth of a millimetre for coronaries.
    """
    faces = triangles(mesh)
    points = np.array(mesh.points, np.float64)
    n_parts, part = part_of_vertices(mesh)
    area = np.bincount(part[faces[:, 0]], weights=areas_mm2(mesh), minlength=n_parts)
    limit = _LIMIT * np.abs(volumes_mm3) / area
    normals = vertex_normals(mesh)
    for _ in range(2):
        missing = volumes_mm3 - signed_volumes_mm3(points, faces, part, n_parts)
        points += normals * np.clip(missing / area, -limit, limit)[part, None]
    return make_mesh(points, faces)


def shift_to_volume(mesh: pv.PolyData, total_mm3: float) -> pv.PolyData:
    """The mesh with all parts moved outwards by one common distance until they enclose `total_mm3`."""
    faces = triangles(mesh)
    n_parts, part = part_of_vertices(mesh)
    area = np.bincount(part[faces[:, 0]], weights=areas_mm2(mesh), minlength=n_parts)
    volumes = signed_volumes_mm3(mesh.points, faces, part, n_parts)
    return restore_volumes(mesh, volumes + area * (total_mm3 - volumes.sum()) / area.sum())
