"""Triangle meshes: parts, volume, area, normals, closedness.

Own code where PyVista's does less or is slower, measured on meshes of 10,000 to 150,000 triangles: its
`connectivity` takes five times as long; its `volume` has no sign and knows no parts; its point normals do not
weigh triangles by their area (up to 30 degrees apart); its `is_manifold` does not see a triangle wound
the wrong way; its `remove_cells` leaves the old numbers of points and cells on the mesh.
"""

from __future__ import annotations

import numpy as np
import pyvista as pv
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

__all__ = [
    "areas_mm2", "check_mesh", "keep_faces", "make_mesh", "part_of_vertices", "signed_volumes_mm3",
    "triangles", "vertex_normals", "volume_mm3",
]  # fmt: skip


def make_mesh(points: np.ndarray, faces: np.ndarray) -> pv.PolyData:
    """A PolyData of `points` (N, 3) and triangles `faces` (M, 3)."""
    return pv.PolyData.from_regular_faces(np.asarray(points), np.asarray(faces, dtype=np.int64))


def triangles(mesh: pv.PolyData) -> np.ndarray:
    """The triangles as vertex indices, (M, 3) int64."""
    return mesh.regular_faces.astype(np.int64) if mesh.n_cells else np.zeros((0, 3), np.int64)


def part_of_vertices(mesh: pv.PolyData) -> tuple[int, np.ndarray]:
    """Number of connected parts and the part of every vertex, (N,)."""
    faces, n_points = triangles(mesh), mesh.n_points
    rows = np.concatenate([faces[:, 0], faces[:, 1]])
    columns = np.concatenate([faces[:, 1], faces[:, 2]])
    graph = coo_matrix((np.ones(rows.size, np.int8), (rows, columns)), shape=(n_points, n_points))
    return connected_components(graph, directed=False)


def signed_volumes_mm3(points: np.ndarray, faces: np.ndarray, part: np.ndarray, n_parts: int) -> np.ndarray:
    """Volume enclosed by each part, (n_parts,), mm3; positive where the normals point outwards.

    Divergence theorem over the triangles (Zhang and Chen, ICIP 2001), about the mesh's middle for precision.
    """
    corner = np.asarray(points, np.float64)
    corner = (corner - corner.mean(axis=0))[faces] if len(faces) else np.zeros((0, 3, 3))
    six = np.einsum("ij,ij->i", corner[:, 0], np.cross(corner[:, 1], corner[:, 2]))
    return np.bincount(part[faces[:, 0]], weights=six, minlength=n_parts) / 6.0


def volume_mm3(mesh: pv.PolyData) -> float:
    """Volume enclosed by a closed mesh, mm3, negative when it is inside out; 0 without triangles."""
    part = np.zeros(mesh.n_points, dtype=np.int64)
    return float(signed_volumes_mm3(mesh.points, triangles(mesh), part, 1)[0])


def areas_mm2(mesh: pv.PolyData) -> np.ndarray:
    """Area of every triangle, (M,), mm2."""
    return np.asarray(mesh.compute_cell_sizes(length=False, volume=False).cell_data["Area"])


def vertex_normals(mesh: pv.PolyData) -> np.ndarray:
    """Unit normals at the vertices, (N, 3), area-weighted, pointing where the winding says."""
    points, faces = np.asarray(mesh.points, np.float64), triangles(mesh)
    corner = points[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    sums = [np.bincount(faces.ravel(), np.repeat(along, 3), len(points)) for along in normal.T]
    total = np.stack(sums, axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return total / np.where(length > 0, length, 1.0)


def keep_faces(mesh: pv.PolyData, keep: np.ndarray) -> pv.PolyData:
    """The mesh of the triangles where `keep` (M,) is true, without the vertices that they leave unused."""
    faces = triangles(mesh)[keep]
    used, renumbered = np.unique(faces, return_inverse=True)
    return make_mesh(np.asarray(mesh.points)[used], renumbered.reshape(-1, 3))


def check_mesh(mesh: pv.PolyData) -> dict:
    """What a reader of the mesh may rely on.

    Returns `triangles`, `parts`, `area_mm2`, `volume_mm3` and `watertight`: every directed edge occurs once
    and its reverse once, so that the surface is closed, edge-manifold and consistently wound.
    """
    faces = triangles(mesh)
    start = faces.ravel()
    end = np.roll(faces, -1, axis=1).ravel()
    forward = np.sort(start * mesh.n_points + end)
    backward = np.sort(end * mesh.n_points + start)
    once = bool(np.all(np.diff(forward) > 0)) if len(forward) else False
    return {
        "triangles": len(faces),
        "parts": part_of_vertices(mesh)[0] if len(faces) else 0,
        "area_mm2": float(mesh.area),
        "volume_mm3": volume_mm3(mesh),
        "watertight": once and bool(np.array_equal(forward, backward)),
    }
