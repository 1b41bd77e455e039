"""The wall of the vessels as a page carries it: fewer triangles, whole numbers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from scipy.spatial import cKDTree
from vtkmodules.vtkFiltersCore import vtkBinnedDecimation

from bundle.common.coordinates import ras_to_lps
from bundle.common.errors import InputError
from bundle.geometry.core import Branch, Tree, triangles
from bundle.geometry.measure import values_from_tree
from bundle.geometry.surface import preview_surface

__all__ = ["find_surface", "packed", "packed_surface", "thinned"]

MOST_TRIANGLES = 70_000
_READABLE = ("mesh_vtp", "mesh_ply", "mesh_stl", "mesh_obj")  # the first that a case has is taken
_STEPS = np.iinfo(np.uint16).max


def packed(values: np.ndarray) -> str:
    """The bytes of an array, little end first, as base64."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode()


def find_surface(
    folder: Path, files: Mapping[str, str], mask: tuple[np.ndarray, np.ndarray] | None = None
) -> pv.PolyData | None:
    """The mesh of a case, LPS mm, from its files; where it has none, a preview of the mask (RAS affine)."""
    for role in _READABLE:
        if role in files and (folder / files[role]).is_file():
            mesh = pv.read(folder / files[role])
            if mesh.n_cells == 0:
                raise InputError(f"'{files[role]}' cannot be read; run the case again")
            return mesh.clean() if role == "mesh_stl" else mesh  # STL repeats its vertices
    if mask is None:
        return None
    preview = preview_surface(*mask, max_triangles=MOST_TRIANGLES, min_part_mm3=0.0)
    if preview.n_cells == 0:
        return None
    preview.points = ras_to_lps(np.asarray(preview.points))
    return preview


def thinned(mesh: pv.PolyData, most: int = MOST_TRIANGLES) -> pv.PolyData:
    """About `most` triangles at most, to look at: vertices that share a small cube become one, their mean.

    The cubes are so large that about two triangles each are left on the wall; quadric decimation takes ten
    times as long. A mesh that is small enough stays as it is.
    """
    if mesh.n_cells <= most:
        return mesh
    edge = np.sqrt(2.0 * mesh.area / most)
    size = np.diff(np.reshape(mesh.bounds, (3, 2)), axis=1)[:, 0]
    bins = vtkBinnedDecimation()
    bins.SetInputData(mesh)
    bins.AutoAdjustNumberOfDivisionsOff()
    bins.SetNumberOfDivisions(*(max(int(n), 1) for n in np.ceil(size / edge)))
    bins.SetPointGenerationModeToBinAverages()
    bins.Update()
    return pv.wrap(bins.GetOutput())


def packed_surface(mesh: pv.PolyData, small: pv.PolyData, branches: Sequence[Branch]) -> dict[str, Any]:
    """What the page draws of a mesh (LPS mm): the `small` one, see `thinned`, with the values of `mesh`.

    `low_mm` and `step_mm`: a corner is at low + step * whole number. `points` (N, 3) uint16, `faces` (M, 3)
    uint32. At each vertex `diameter` and `branch`, where there are `branches` (RAS mm), and `confidence`,
    where the mesh has it: uint8 over `diameter_mm` (least and most), ids, and 0..1. All base64.
    """
    points, faces = np.asarray(small.points, float), triangles(small)
    low = points.min(axis=0)
    step = max(float((points - low).max()) / _STEPS, 1e-6)
    surface = {
        "low_mm": np.round(low, 4).tolist(),
        "step_mm": step,
        "points": packed(np.round((points - low) / step).astype(np.uint16)),
        "faces": packed(faces.astype(np.uint32)),
        "triangles_of_file": mesh.n_cells,
        "triangles": len(faces),
    }
    if branches:
        values = values_from_tree(Tree(branches=list(branches)), ras_to_lps(points))
        least, most = (float(np.round(v, 2)) for v in np.percentile(2 * values["radius_mm"], [1, 99]))
        most = max(most, least + 0.1)
        surface["diameter_mm"] = [least, most]
        surface["diameter"] = packed(_bytes((2 * values["radius_mm"] - least) / (most - least)))
        surface["branch"] = packed(np.minimum(values["branch_id"], 255).astype(np.uint8))
    if "confidence" in mesh.point_data:
        nearest = cKDTree(np.asarray(mesh.points)).query(points)[1]
        surface["confidence"] = packed(_bytes(np.asarray(mesh.point_data["confidence"])[nearest]))
    return surface


def _bytes(share: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(share, 0, 1)).astype(np.uint8)
