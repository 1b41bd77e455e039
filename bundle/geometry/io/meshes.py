"""Meshes and point clouds on disk: LPS millimetres, said in the file, never half-written."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import pyvista as pv

from bundle.common.coordinates import ras_to_lps
from bundle.common.files import replacing
from bundle.geometry.core import triangles, vertex_normals
from bundle.geometry.surface import PointCloud

__all__ = ["SPACE", "write_cloud_ply", "write_cloud_vtp", "write_ply", "write_stl", "write_vtp"]

# 3D Slicer reads this in the header of STL, in comments of PLY and OBJ, in a field called SPACE of VTP.
SPACE = "SPACE=LPS"


def write_stl(mesh: pv.PolyData, path: str | os.PathLike) -> None:
    """Binary STL of a RAS mesh.

    Example:
        >>> write_stl(wall, "mesh.stl")
        >>> pv.read("mesh.stl").n_cells == wall.n_cells
        True
    """
    faces = triangles(mesh)
    corners = ras_to_lps(mesh.points).astype("<f4")[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    records = np.zeros(len(faces), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("pad", "<u2")])
    records["normal"] = normals / np.where(length > 0, length, 1)
    records["corners"] = corners
    header = f"coronary surface in mm. {SPACE}".encode().ljust(80)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(header + np.uint32(len(faces)).tobytes() + records.tobytes())


def _write_ply(path, columns: Mapping[str, np.ndarray], faces: np.ndarray | None) -> None:
    types = {"u1": "uchar", "i4": "int", "f4": "float"}
    layout = [(name, column.dtype.newbyteorder("<")) for name, column in columns.items()]
    count = len(next(iter(columns.values())))
    vertices = np.empty(count, dtype=layout)
    for name, column in columns.items():
        vertices[name] = column
    header = ["ply", "format binary_little_endian 1.0", f"comment {SPACE}", "comment unit mm"]
    header.append(f"element vertex {count}")
    header += [f"property {types[dtype.str[1:]]} {name}" for name, dtype in layout]
    body = vertices.tobytes()
    if faces is not None:
        header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
        records = np.empty(len(faces), dtype=[("count", "u1"), ("index", "<i4", 3)])
        records["count"], records["index"] = 3, faces
        body += records.tobytes()
    header.append("end_header")
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(("\n".join(header) + "\n").encode() + body)


def _vertex_columns(points, normals, rgb, values) -> dict[str, np.ndarray]:
    columns = {name: c for name, c in zip("xyz", ras_to_lps(points).astype("f4").T)}
    if normals is not None:
        columns |= dict(zip(("nx", "ny", "nz"), ras_to_lps(normals).astype("f4").T))
    if rgb is not None:
        columns |= dict(zip(("red", "green", "blue"), np.asarray(rgb, "u1").T))
    for name, column in values.items():
        column = np.asarray(column)
        columns[name] = column.astype("i4" if np.issubdtype(column.dtype, np.integer) else "f4")
    return columns


def write_ply(mesh: pv.PolyData, path: str | os.PathLike, rgb: np.ndarray | None = None) -> None:
    """Binary PLY of a RAS mesh with normals, its one-component vertex arrays and colours (N, 3) uint8.

    Example:
        >>> write_ply(wall, "mesh.ply", rgb=np.full((wall.n_points, 3), 200))
    """
    faces = triangles(mesh)
    values = {name: a for name, a in mesh.point_data.items() if a.ndim == 1}
    columns = _vertex_columns(mesh.points, vertex_normals(mesh), rgb, values)
    _write_ply(path, columns, faces)


def write_cloud_ply(cloud: PointCloud, path: str | os.PathLike, rgb: np.ndarray | None = None) -> None:
    """Binary PLY of a RAS point cloud with its normals, values and colours (N, 3) uint8.

    Example:
        >>> write_cloud_ply(cloud, "points.ply")
    """
    _write_ply(path, _vertex_columns(cloud.points, cloud.normals, rgb, cloud.values), None)


def write_vtp(data: pv.PolyData, path: str | os.PathLike) -> None:
    """VTP of RAS points, lines or triangles with all their arrays; the space stands in the field data.

    Vectors among the arrays (three components, named "Normals" or ending in "_vector") turn with the points.

    Example:
        >>> write_vtp(wall, "mesh.vtp")
        >>> str(pv.read("mesh.vtp").field_data["SPACE"][0])
        'LPS'
    """
    out = data.copy()
    out.points = ras_to_lps(np.asarray(data.points, np.float64)).astype(np.float32)
    for name in list(out.point_data.keys()):
        if name == "Normals" or name.endswith("_vector"):
            out.point_data[name] = ras_to_lps(out.point_data[name]).astype(np.float32)
    out.field_data["SPACE"] = ["LPS"]
    out.field_data["unit"] = ["mm"]
    with replacing(path) as temporary:
        out.save(temporary)


def write_cloud_vtp(cloud: PointCloud, path: str | os.PathLike, rgb: np.ndarray | None = None) -> None:
    """VTP of a RAS point cloud with its normals, values and colours (N, 3) uint8."""
    data = pv.PolyData(np.asarray(cloud.points))
    if cloud.normals is not None:
        data.point_data["Normals"] = cloud.normals
    for name, column in cloud.values.items():
        data.point_data[name] = column
    if rgb is not None:
        data.point_data["RGB"] = np.asarray(rgb, np.uint8)
    write_vtp(data, path)
