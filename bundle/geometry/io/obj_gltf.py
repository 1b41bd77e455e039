"""OBJ and glTF: meshes for modelling programs and for the web."""

from __future__ import annotations

import os

import numpy as np
import pyvista as pv

from bundle.common.coordinates import ras_to_lps
from bundle.common.files import replacing
from bundle.geometry.core import triangles, vertex_normals

from .meshes import SPACE

__all__ = ["write_glb", "write_obj"]

# glTF is in metres, +Y up, the asset's face towards +Z and its left towards +X. A matrix on the node brings
# LPS millimetres there: left to X, superior to Y, anterior to Z.
_LPS_MM_TO_GLTF = np.array([[0.001, 0, 0, 0], [0, 0, 0.001, 0], [0, -0.001, 0, 0], [0, 0, 0, 1]])


def write_obj(mesh: pv.PolyData, path: str | os.PathLike) -> None:
    """OBJ of a RAS mesh in LPS mm, with normals.

    Example:
        >>> write_obj(wall, "mesh.obj")
    """
    faces = triangles(mesh) + 1
    points = ras_to_lps(mesh.points)
    normals = ras_to_lps(vertex_normals(mesh))
    parts = [f"# mm\n# {SPACE}\n"]
    parts.append("".join(f"v {x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in points.tolist()))
    parts.append("".join(f"vn {x:.4f} {y:.4f} {z:.4f}\n" for x, y, z in normals.tolist()))
    parts.append("".join(f"f {a}//{a} {b}//{b} {c}//{c}\n" for a, b, c in faces.tolist()))
    with replacing(path) as temporary:
        temporary.write_text("".join(parts), encoding="ascii")


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
    space = {"space": "LPS", "unit": "mm before the node's matrix"}
    content = scene.export(
        file_type="glb",
        include_normals=True,
        tree_postprocessor=lambda content: content["asset"].update(extras=space),
    )
    with replacing(path) as temporary:
        temporary.write_bytes(content)
