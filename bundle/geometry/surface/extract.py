"""From a mask, or a probability map, to a closed surface in the patient's millimetres."""

from __future__ import annotations

from dataclasses import replace

import cc3d
import numpy as np
import pyvista as pv

from bundle.common.coordinates import voxel_to_world, voxel_volume_mm3, voxels_of, world_to_voxel
from bundle.geometry.core import (
    Vessels,
    keep_faces,
    make_mesh,
    part_of_vertices,
    signed_volumes_mm3,
    triangles,
)

from .smoothing import shift_to_volume

__all__ = ["WALLS", "largest_part", "level_set", "vessel_surface", "zero_surface"]

WALLS = ("probability", "mask")
# Closest that a voxel centre may come to the surface, in units of probability: a vertex on a voxel
# centre would merge its neighbours and leave triangles without an area.
_CLEARANCE = 0.02
_ROUNDING = 0.5001 / 255  # of a probability in a file of eight bits


def level_set(
    mask: np.ndarray, probability: np.ndarray | None = None, level: float | None = None
) -> np.ndarray:
    """A float32 field of the mask's shape whose zero level is the vessel wall, positive inside.

    Without a probability the wall lies half-way between voxel centres. With one it lies where the
    probability crosses `level`, between the same voxels: what the mask keeps is inside and what it leaves
    out is outside, so that a removed speck does not come back and the mask's topology stays.
    """
    inside = mask > 0
    if probability is None:
        return inside.astype(np.float32) - np.float32(0.5)
    level, field = np.float32(level), np.empty(inside.shape, np.float32)
    np.subtract(probability, level, out=field, dtype=np.float32)
    flat, own = field.ravel(), np.flatnonzero(inside)
    # Within the rounding a file may hold less of it: which side is for the mask to say.
    lumen = np.where(flat[own] < -_ROUNDING, 1 - level, flat[own])
    flat[np.flatnonzero(flat > _ROUNDING)] = -level  # that of the lumen too
    np.minimum(flat, -_CLEARANCE, out=flat)
    flat[own] = np.maximum(lumen, _CLEARANCE)
    return field


def zero_surface(field: np.ndarray, affine: np.ndarray) -> pv.PolyData:
    """The zero level of `field` (X, Y, Z) as triangles in RAS mm, normals pointing to the negative side.

    Flying edges (Schroeder et al., LDAV 2015) in voxel space, then the affine on the vertices: oblique and
    flipped scans need no care of VTK's, and a mirroring affine only turns the winding round.
    """
    image = pv.ImageData(dimensions=field.shape)
    image.point_data["field"] = field.ravel(order="F")
    raw = image.contour(
        [0.0], method="flying_edges", compute_normals=False, compute_gradients=False, compute_scalars=False
    )
    faces = triangles(raw)
    points = voxel_to_world(raw.points, affine)
    if np.linalg.det(np.asarray(affine)[:3, :3]) < 0:
        faces = faces[:, ::-1]
    return make_mesh(points, faces)


def _without_crumbs(mesh: pv.PolyData, least_mm3: float) -> pv.PolyData:
    """The mesh without parts that enclose less than `least_mm3`: every part left has a positive volume."""
    faces = triangles(mesh)
    n_parts, part = part_of_vertices(mesh)
    keep = signed_volumes_mm3(mesh.points, faces, part, n_parts) >= least_mm3
    return mesh if keep.all() else keep_faces(mesh, keep[part[faces[:, 0]]])


def vessel_surface(vessels: Vessels, wall: str = "probability") -> pv.PolyData:
    """The wall of `vessels` as a closed, outward-wound triangle mesh (float64 points, RAS mm).

    A surface through the mid-points between the voxels of a binary mask cuts the corners off thin vessels;
    without a probability the wall is therefore moved outwards by one distance, some hundredths of a voxel, so
    that it encloses the volume of the mask's voxels.

    Args:
        wall: "mask" is marching cubes on the binary mask and nothing else, whatever probability there is, as
            in the paper; "probability" is the above.

    Example:
        >>> wall = vessel_surface(vessels)
        >>> wall.is_manifold, abs(wall.volume / vessels.volume_mm3 - 1) < 0.001
        (True, True)
    """
    if wall == "mask":
        return zero_surface(level_set(vessels.mask), vessels.affine)
    field = level_set(vessels.mask, vessels.probability, vessels.level)
    # What hangs on a part of the mask by a corner only becomes a part of its own; a single voxel goes, as in
    # `find_vessels`.
    mesh = _without_crumbs(zero_surface(field, vessels.affine), 0.25 * voxel_volume_mm3(vessels.affine))
    if vessels.probability is None and mesh.n_cells:
        return shift_to_volume(mesh, vessels.volume_mm3)
    return mesh


def largest_part(mesh: pv.PolyData, vessels: Vessels) -> tuple[pv.PolyData, Vessels]:
    """The part of a surface that encloses most, and the vessels without what the others enclose.

    Of two coronary trees that do not hang together it deletes one.
    """
    n_parts, part = part_of_vertices(mesh)
    if n_parts < 2:
        return mesh, vessels
    faces = triangles(mesh)
    largest = int(np.argmax(signed_volumes_mm3(mesh.points, faces, part, n_parts)))
    labels = cc3d.connected_components(vessels.mask, connectivity=26)
    voxels = voxels_of(vessels.mask)
    at = world_to_voxel(np.asarray(mesh.points)[part == largest][:1], vessels.affine)
    own = labels[tuple(voxels[np.linalg.norm(voxels - at, axis=1).argmin()])]
    return keep_faces(mesh, part[faces[:, 0]] == largest), replace(vessels, mask=labels == own)
