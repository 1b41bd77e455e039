"""Meshes and point clouds on disk: LPS millimetres, said in the file, never half-written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyvista as pv

from bundle.common.coordinates import ras_to_lps
from bundle.common.files import replacing, write_text
from bundle.geometry.core import triangles, vertex_normals
from bundle.geometry.surface import PointCloud

__all__ = [
    "MM_IN", "write_cloud_ply", "write_cloud_vtp", "write_glb", "write_obj", "write_ply", "write_stl",
    "write_vtk", "write_vtp",
]  # fmt: skip

MM_IN = {"mm": 1.0, "m": 0.001}
"""A millimetre in the units that a file for a flow solver may have."""

# 3D Slicer reads this in the header of STL, in comments of PLY and OBJ, in a field called SPACE of VTP.
_SPACE = "SPACE=LPS"
# glTF is in metres, +Y up, the asset's face towards +Z and its left towards +X. A matrix on the node brings
# LPS millimetres there: left to X, superior to Y, anterior to Z.
_LPS_MM_TO_GLTF = np.array([[0.001, 0, 0, 0], [0, 0, 0.001, 0], [0, -0.001, 0, 0], [0, 0, 0, 1]])


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
    header = f"coronary surface in mm. {_SPACE}".encode().ljust(80)
    with replacing(path) as temporary:
        temporary.write_bytes(header + np.uint32(len(faces)).tobytes() + records.tobytes())


def _write_ply(path, points, normals, rgb, values: Mapping[str, np.ndarray], faces=None) -> None:
    columns = dict(zip("xyz", ras_to_lps(points).astype("f4").T))
    if normals is not None:
        columns |= dict(zip(("nx", "ny", "nz"), ras_to_lps(normals).astype("f4").T))
    if rgb is not None:
        columns |= dict(zip(("red", "green", "blue"), np.asarray(rgb, "u1").T))
    for name, column in values.items():
        columns[name] = column.astype("i4" if np.issubdtype(column.dtype, np.integer) else "f4")
    types = {"u1": "uchar", "i4": "int", "f4": "float"}
    layout = [(name, column.dtype.newbyteorder("<")) for name, column in columns.items()]
    vertices = np.empty(len(points), dtype=layout)
    for name, column in columns.items():
        vertices[name] = column
    header = ["ply", "format binary_little_endian 1.0", f"comment {_SPACE}", "comment unit mm"]
    header.append(f"element vertex {len(points)}")
    header += [f"property {types[dtype.str[1:]]} {name}" for name, dtype in layout]
    body = vertices.tobytes()
    if faces is not None:
        header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
        records = np.empty(len(faces), dtype=[("count", "u1"), ("index", "<i4", 3)])
        records["count"], records["index"] = 3, faces
        body += records.tobytes()
    header.append("end_header\n")
    with replacing(path) as temporary:
        temporary.write_bytes("\n".join(header).encode() + body)


def write_ply(mesh: pv.PolyData, path: str | os.PathLike, rgb: np.ndarray | None = None) -> None:
    """Binary PLY of a RAS mesh with normals, its one-component vertex arrays and colours (N, 3) uint8.

    Example:
        >>> write_ply(wall, "mesh.ply", rgb=np.full((wall.n_points, 3), 200))
    """
    values = {name: a for name, a in mesh.point_data.items() if a.ndim == 1}
    _write_ply(path, mesh.points, vertex_normals(mesh), rgb, values, triangles(mesh))


def write_cloud_ply(cloud: PointCloud, path: str | os.PathLike, rgb: np.ndarray | None = None) -> None:
    """Binary PLY of a RAS point cloud with its normals, values and colours (N, 3) uint8.

    Example:
        >>> write_cloud_ply(cloud, "points.ply")
    """
    _write_ply(path, cloud.points, cloud.normals, rgb, cloud.values)


def write_vtk(data: pv.DataSet, path: str | os.PathLike, comment: str = "") -> None:
    """A VTP or VTU of `data` as it stands, by VTK's writer into memory and from there by Python.

    `comment` goes behind the first line: meshio reads no VTU that holds text in its field data. On a full
    disk VTK 9.7 ends the process itself (a segmentation fault); Python says what is wrong.
    """
    path = Path(path)
    writer = data._WRITERS[path.suffix](path, data)
    writer.data_format, writer.compression = "binary", "zlib"  # as DataSet.save does
    writer.writer.SetWriteToOutputString(True)
    writer.write()
    content = writer.writer.GetOutputString()
    if comment:
        content = content.replace("\n", f"\n<!-- {comment} -->\n", 1)
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode())


def write_vtp(data: pv.PolyData, path: str | os.PathLike, unit: str = "mm") -> None:
    """VTP of RAS points, lines or triangles with all their arrays; the space stands in the field data.

    Vectors among the arrays (three components, named "Normals" or ending in "_vector") turn with the points.

    Example:
        >>> write_vtp(wall, "mesh.vtp")
        >>> str(pv.read("mesh.vtp").field_data["SPACE"][0])
        'LPS'
    """
    out = data.copy()
    out.points = (MM_IN[unit] * ras_to_lps(np.asarray(data.points, np.float64))).astype(np.float32)
    for name in list(out.point_data.keys()):
        if name == "Normals" or name.endswith("_vector"):
            out.point_data[name] = ras_to_lps(out.point_data[name]).astype(np.float32)
    out.field_data["SPACE"] = ["LPS"]
    out.field_data["unit"] = [unit]
    write_vtk(out, path)


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


def write_obj(mesh: pv.PolyData, path: str | os.PathLike) -> None:
    """OBJ of a RAS mesh in LPS mm, with normals.

    Example:
        >>> write_obj(wall, "mesh.obj")
    """
    faces = triangles(mesh) + 1
    points = ras_to_lps(mesh.points)
    normals = ras_to_lps(vertex_normals(mesh))
    lines = ["# mm", f"# {_SPACE}"]
    lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in points.tolist()]
    lines += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in normals.tolist()]
    lines += [f"f {a}//{a} {b}//{b} {c}//{c}" for a, b, c in faces.tolist()]
    write_text(path, "\n".join(lines) + "\n")


def write_glb(mesh: pv.PolyData, path: str | os.PathLike, rgb: np.ndarray | None = None) -> None:
    """Binary glTF 2.0 of a RAS mesh; vertices are LPS mm, a node matrix brings them to metres, Y up.

    rgb: (N, 3) uint8 colours of the vertices.

    Example:
        >>> write_glb(wall, "mesh.glb", rgb=np.full((wall.n_points, 3), 200))
    """
    import trimesh  # here: half a second that few runs need

    # Without colours of its own the mesh is coral.
    tint = [0.9, 0.38, 0.3, 1.0] if rgb is None else None
    material = trimesh.visual.material.PBRMaterial(
        metallicFactor=0.0, roughnessFactor=0.5, baseColorFactor=tint
    )
    look = trimesh.visual.TextureVisuals(material=material)
    if rgb is not None:
        look.vertex_attributes["color"] = np.insert(np.asarray(rgb, np.uint8), 3, 255, axis=1)
    solid = trimesh.Trimesh(
        ras_to_lps(mesh.points), triangles(mesh), vertex_normals=ras_to_lps(vertex_normals(mesh)),
        visual=look, process=False,
    )  # fmt: skip
    scene = trimesh.Scene()
    scene.add_geometry(solid, transform=_LPS_MM_TO_GLTF)
    extras = {"space": "LPS", "unit": "mm before the node's matrix"}
    content = scene.export(
        file_type="glb", include_normals=True,
        tree_postprocessor=lambda tree: tree["asset"].update(extras=extras),
    )  # fmt: skip
    with replacing(path) as temporary:
        temporary.write_bytes(content)
