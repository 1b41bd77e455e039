"""A volume mesh in the folder layout that SimVascular's solvers read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvista as pv

from bundle.geometry.core import triangles
from bundle.geometry.io import write_vtk, write_vtp

from .ends import WALL
from .tetrahedra import VolumeMesh, lps_files

__all__ = ["write_mesh_complete"]


def write_mesh_complete(mesh: VolumeMesh, folder: Path, unit: str = "mm") -> list[Path]:
    """Write a volume mesh as SimVascular's "mesh-complete" folder, LPS.

    `mesh-complete.mesh.vtu` (the tetrahedra), `mesh-complete.exterior.vtp` (the whole boundary),
    `walls_combined.vtp` and `mesh-surfaces/<face>.vtp`, one a face. All carry `GlobalNodeID`, the surfaces
    `GlobalElementID` and `ModelFaceID` too.

    Returns:
        the files.
    """
    grid, boundary = lps_files(mesh, unit)
    face = np.asarray(boundary.cell_data["ModelFaceID"])
    files = [folder / "mesh-complete.mesh.vtu", folder / "mesh-complete.exterior.vtp"]
    write_vtk(grid, files[0], f"SPACE=LPS unit={unit}")
    write_vtp(boundary, files[1], unit)
    parts = [(folder / "walls_combined.vtp", WALL)]
    parts += [(folder / "mesh-surfaces" / f"{name}.vtp", label) for label, name in enumerate(mesh.names)]
    for file, label in parts:
        write_vtp(_part(boundary, face == label), file, unit)
        files.append(file)
    return files


def _part(boundary: pv.PolyData, own: np.ndarray) -> pv.PolyData:
    """The triangles of the boundary where `own` (M,) is true, with their arrays."""
    used, faces = np.unique(triangles(boundary)[own], return_inverse=True)
    part = pv.PolyData.from_regular_faces(np.asarray(boundary.points)[used], faces.reshape(-1, 3))
    for name, values in boundary.point_data.items():
        part.point_data[name] = np.asarray(values)[used]
    for name, values in boundary.cell_data.items():
        part.cell_data[name] = np.asarray(values)[own]
    return part
