"""OBJ and glTF: meshes for modelling programs and for the web."""

from __future__ import annotations

import json
import os

import numpy as np
import pyvista as pv

from bundle.common.coordinates import ras_to_lps
from bundle.common.files import replacing
from bundle.geometry.core import triangles, vertex_normals

from .meshes import SPACE

# glTF is in metres, +Y up, the asset's face towards +Z and its left towards +X. A matrix on the node brings
# LPS millimetres there (column-major): left to X, superior to Y, anterior to Z.
_LPS_MM_TO_GLTF = [0.001, 0, 0, 0, 0, 0, -0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1]
_FLOAT, _UINT, _UBYTE = 5126, 5125, 5121


def write_obj(mesh: pv.PolyData, path: str | os.PathLike) -> None:
    """OBJ of a RAS mesh in LPS mm, with normals."""
    faces = triangles(mesh) + 1
    points = ras_to_lps(mesh.points)
    normals = ras_to_lps(vertex_normals(mesh.points, triangles(mesh)))
    parts = [f"# mm\n# {SPACE}\n"]
    parts.append("".join(f"v {x:.5f} {y:.5f} {z:.5f}\n" for x, y, z in points.tolist()))
    parts.append("".join(f"vn {x:.4f} {y:.4f} {z:.4f}\n" for x, y, z in normals.tolist()))
    parts.append("".join(f"f {a}//{a} {b}//{b} {c}//{c}\n" for a, b, c in faces.tolist()))
    with replacing(path) as temporary:
        temporary.write_text("".join(parts), encoding="ascii")


def write_glb(mesh: pv.PolyData, path: str | os.PathLike, rgb: np.ndarray | None = None) -> None:
    """Binary glTF 2.0 of a RAS mesh; vertices are LPS mm, a node matrix brings them to metres, Y up.

    rgb: (N, 3) uint8 colours of the vertices.
    """
    points = ras_to_lps(mesh.points).astype("<f4")
    normals = ras_to_lps(vertex_normals(mesh.points, triangles(mesh))).astype("<f4")
    arrays = {
        "POSITION": (points, _FLOAT, "VEC3"),
        "NORMAL": (normals, _FLOAT, "VEC3"),
        "index": (triangles(mesh).astype("<u4").ravel(), _UINT, "SCALAR"),
    }
    if rgb is not None:
        rgba = np.concatenate([np.asarray(rgb, np.uint8), np.full((len(rgb), 1), 255, np.uint8)], axis=1)
        arrays["COLOR_0"] = (rgba, _UBYTE, "VEC4")
    views, accessors, body = [], [], b""
    for name, (array, kind, shape) in arrays.items():
        data = array.tobytes()
        views.append({"buffer": 0, "byteOffset": len(body), "byteLength": len(data),
                      "target": 34963 if name == "index" else 34962})  # fmt: skip
        accessor = {"bufferView": len(views) - 1, "componentType": kind, "count": len(array), "type": shape}
        if name == "POSITION":
            accessor |= {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        if name == "COLOR_0":
            accessor["normalized"] = True
        accessors.append(accessor)
        body += data + b"\0" * (-len(data) % 4)
    names = list(arrays)
    attributes = {name: names.index(name) for name in names if name != "index"}
    material = {"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.5}}
    if rgb is None:
        material["pbrMetallicRoughness"]["baseColorFactor"] = [0.9, 0.38, 0.3, 1.0]
    content = {
        "asset": {"version": "2.0", "extras": {"space": "LPS", "unit": "mm before the node's matrix"}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "matrix": _LPS_MM_TO_GLTF}],
        "meshes": [
            {"primitives": [{"attributes": attributes, "indices": names.index("index"), "material": 0}]}
        ],
        "materials": [material],
        "buffers": [{"byteLength": len(body)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    text = json.dumps(content, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(body)
    head = b"glTF" + np.array([2, total], "<u4").tobytes()
    chunks = (
        np.uint32(len(text)).tobytes() + b"JSON" + text + np.uint32(len(body)).tobytes() + b"BIN\0" + body
    )
    with replacing(path) as temporary:
        temporary.write_bytes(head + chunks)
