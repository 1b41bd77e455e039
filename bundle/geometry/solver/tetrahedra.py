"""Tetrahedra in the lumen, for a flow solver: made by gmsh, an optional extra, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvista as pv
from scipy.spatial import cKDTree

import bundle
from bundle.common.coordinates import ras_to_lps
from bundle.common.files import replacing
from bundle.geometry.core import part_of_vertices, triangles, volume_mm3
from bundle.geometry.io import MM_IN, write_vtk, write_vtp

from .layers import GROWTH, SHARE, Layers, NoLayers, grow_layers
from .model import SolverModel

__all__ = [
    "POOR", "NoVolumeMesh", "VolumeMesh", "about_layers", "lps_files", "quality_of", "volume_mesh",
    "why_no_mesher", "write_volume_mesh",
]  # fmt: skip

POOR = 0.1  # scaled Jacobian below which an element is counted as poor
_SIDES = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])  # of a tetrahedron
_PARTS_OF_SHARE = (1.0, 0.5, 0.25)  # that are tried, of the layers' thickness
_ROOT = Path(bundle.__file__).resolve().parents[1]


class NoVolumeMesh(ValueError):
    """Why there is no volume mesh, in one sentence."""


class _NoMesher(NoVolumeMesh):
    """Other layers or edges would not help: the mesher does not start, or needs too long."""


@dataclass(frozen=True)
class VolumeMesh:
    """`grid`: tetrahedra, LPS mm. `surface`: its boundary with the cell arrays `ModelFaceID` and, for each
    vertex and triangle, `GlobalNodeID` and `GlobalElementID` of the grid, as SimVascular's solver wants them.
    `names`: of the patches, by ModelFaceID. `msh`: the same mesh as gmsh wrote it, with named groups.
    `quality`: see `quality_of`. `layers`: see `about_layers`; None without layers on the wall. With them the
    grid has the cell array `BoundaryLayer`: 1 at the wall, 0 inside all layers.
    """

    grid: pv.UnstructuredGrid
    surface: pv.PolyData
    names: list[str]
    msh: bytes
    quality: dict
    layers: dict | None = None


def why_no_mesher() -> str | None:
    """None where gmsh is installed, or the sentence that says how to get it."""
    if importlib.util.find_spec("gmsh") is not None:
        return None
    return "a volume mesh needs gmsh (GPL, not part of the core): install it with pip install gmsh"


def volume_mesh(
    model: SolverModel, time_limit_s: float = 900.0, unit: str = "mm", boundary_layers: int = 0
) -> VolumeMesh:
    """Fill a solver model with tetrahedra; its surface stays as it is, triangle by triangle.

    With `boundary_layers`, so many thin layers of tetrahedra lie along the wall (see `grow_layers`), and the
    triangles of the ends are others, since the layers come to them. Where they do not fit, or gmsh cannot
    fill what is inside them, layers of half and of a quarter of the thickness are tried.

    By gmsh (Geuzaine and Remacle, Int. J. Numer. Meth. Eng. 2009) with HXT (Marot et al., ibid. 2019) and
    Netgen's optimisation; sizes inside follow those of the surface. Each closed part becomes a volume. The
    grid is in mm; `unit` is that of the `.msh` alone, which gmsh writes itself.

    Raises:
        NoVolumeMesh: gmsh is missing, cannot be loaded, fails, crashes or needs longer than `time_limit_s`;
            or the layers do not fit.
    """
    reason = why_no_mesher()
    if reason is not None:
        raise NoVolumeMesh(reason)
    if boundary_layers == 0:
        return _filled(model, time_limit_s, unit, None)
    for part in _PARTS_OF_SHARE:
        try:
            return _filled(model, time_limit_s, unit, _layers(model, boundary_layers, part * SHARE))
        except _NoMesher:
            raise
        except (NoLayers, NoVolumeMesh) as error:
            reason = error
    raise NoVolumeMesh(f"{boundary_layers} layers on the wall cannot be made, even thin ones: {reason}")


def _layers(model: SolverModel, count: int, share: float) -> Layers:
    points = ras_to_lps(np.asarray(model.mesh.points, np.float64))
    return grow_layers(
        points, triangles(model.mesh), np.asarray(model.mesh.cell_data["ModelFaceID"]), count, share
    )


def _filled(model: SolverModel, time_limit_s: float, unit: str, layers: Layers | None) -> VolumeMesh:
    faces = triangles(model.mesh)
    _, part = part_of_vertices(model.mesh)
    patch = np.asarray(model.mesh.cell_data["ModelFaceID"])
    names = [p.name for p in model.patches]
    points = ras_to_lps(np.asarray(model.mesh.points, np.float64))
    inside, beside = points, {}
    if layers is not None:
        inside = layers.points[: len(points)]
        beside = {"layer_points": layers.points, "layer_tetrahedra": layers.tetrahedra}
        beside |= {"outer_faces": layers.faces, "outer_patch": layers.patch}
    with tempfile.TemporaryDirectory() as folder:
        surface, filled, msh = (Path(folder) / n for n in ("surface.npz", "mesh.npz", "mesh.msh"))
        about = {"face_region": part[faces[:, 0]], "patch": patch, "names": names}
        np.savez(surface, points=inside, faces=faces, **about, **beside)
        _run_worker([str(surface), str(filled), str(msh), str(MM_IN[unit])], time_limit_s)
        with np.load(filled) as mesh:
            inner, tetrahedra = mesh["points"], mesh["tetrahedra"]
        written = msh.read_bytes()
    if len(tetrahedra) == (0 if layers is None else len(layers.tetrahedra)):
        raise NoVolumeMesh("gmsh made no tetrahedra: the surface may cut through itself")
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: tetrahedra}, inner)
    if layers is not None:
        points, faces, patch = _outer(layers)
        grid.cell_data["BoundaryLayer"] = np.zeros(grid.n_cells, np.int32)
        grid.cell_data["BoundaryLayer"][-len(layers.layer) :] = layers.layer
    boundary = _boundary(inner, tetrahedra, points, faces, patch)
    grid.point_data["GlobalNodeID"] = np.arange(1, grid.n_points + 1, dtype=np.int32)
    grid.cell_data["GlobalElementID"] = np.arange(1, grid.n_cells + 1, dtype=np.int32)
    grid.cell_data["ModelRegionID"] = np.ones(grid.n_cells, np.int32)
    quality = quality_of(grid, volume_mm3(model.mesh))
    return VolumeMesh(grid, boundary, names, written, quality, layers and about_layers(layers, grid))


def _outer(layers: Layers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, triangles and labels of the surface around the layers and what is inside them."""
    used, faces = np.unique(layers.faces, return_inverse=True)
    return layers.points[used], faces.reshape(-1, 3), layers.patch


def about_layers(layers: Layers, grid: pv.UnstructuredGrid) -> dict:
    """What became of the layers.

    `layers`, their number; `growth`, of the thickness from one to the next; `first_mm`, median thickness of
    the one at the wall; `total_mm` and `total_min_mm`, median and least of all together; `thinned_percent`
    and `bare_percent`, of the wall's vertices, where they had to be thinner and where there are none;
    `poor_percent`, of their elements under 0.1 (see `quality_of`), and `poor_percent_inside`, of the others.
    """
    count = int(layers.layer.max())
    poor = np.asarray(grid.cell_quality("scaled_jacobian").cell_data["scaled_jacobian"]) < POOR
    own = np.asarray(grid.cell_data["BoundaryLayer"]) > 0
    total = float(np.median(layers.thickness_mm))
    return {
        "layers": count,
        "growth": GROWTH,
        "first_mm": round(total / float((GROWTH ** np.arange(count)).sum()), 4),
        "total_mm": round(total, 4),
        "total_min_mm": round(float(layers.thickness_mm[layers.thickness_mm > 0].min()), 4),
        "thinned_percent": round(100 * float(layers.thinned.mean()), 3),
        "bare_percent": round(100 * float((layers.thickness_mm == 0).mean()), 4),
        "poor_percent": round(100 * float(poor[own].mean()), 4),
        "poor_percent_inside": round(100 * float(poor[~own].mean()), 4),
    }


def _run_worker(arguments: list[str], time_limit_s: float) -> None:
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    try:
        child = subprocess.run(
            [sys.executable, "-m", "bundle.geometry.solver.gmsh_worker", *arguments],
            capture_output=True, text=True, timeout=time_limit_s, check=False,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _NoMesher(
            f"gmsh was stopped after {time_limit_s:g} s: give it more time, or a coarser surface"
        ) from None
    if child.returncode == 0:
        return
    words = (child.stderr.strip().splitlines() or [""])[-1]
    if "shared object file" in words:
        raise _NoMesher(
            f"gmsh cannot be loaded here ({words.split(': ', 1)[-1]}): install libglu1-mesa, libxrender1, "
            "libxcursor1, libxft2 and libxinerama1 (Debian and Ubuntu names)"
        )
    if child.returncode < 0:
        raise NoVolumeMesh(f"gmsh crashed (signal {-child.returncode}): the surface may cut through itself")
    raise NoVolumeMesh(f"gmsh could not fill the surface ({words})")


def _boundary(
    inner: np.ndarray, tetrahedra: np.ndarray, points: np.ndarray, faces: np.ndarray, patch: np.ndarray
) -> pv.PolyData:
    """The model's surface with the numbers that its vertices and triangles have in the grid."""
    away, row = cKDTree(inner).query(points)
    sides = np.sort(tetrahedra[:, _SIDES].reshape(-1, 3), axis=1)
    shift = np.array([len(inner) ** 2, len(inner), 1], np.int64)
    key, wanted = sides @ shift, np.sort(row[faces], axis=1) @ shift
    order = np.argsort(key, kind="stable")
    at = order[np.minimum(np.searchsorted(key, wanted, sorter=order), len(order) - 1)]
    if away.max() > 1e-6 or not np.array_equal(key[at], wanted):
        raise NoVolumeMesh("gmsh changed the surface that it was to fill; please report this mask")
    surface = pv.PolyData.from_regular_faces(points, faces)
    surface.point_data["GlobalNodeID"] = (row + 1).astype(np.int32)
    surface.cell_data["GlobalElementID"] = (at // 4 + 1).astype(np.int32)
    surface.cell_data["ModelFaceID"] = patch.astype(np.int32)
    return surface


def quality_of(grid: pv.UnstructuredGrid, surface_volume_mm3: float) -> dict:
    """How good the tetrahedra are, by VTK's scaled Jacobian (1 a regular one, 0 flat, < 0 inside out).

    Returns `tetrahedra`, `vertices`, `volume_mm3`, `volume_difference_percent` from the surface's volume, and
    `scaled_jacobian_min`, `_p1` (first percentile), `_mean`, `poor_percent` (of elements under 0.1).
    """
    value = np.asarray(grid.cell_quality("scaled_jacobian").cell_data["scaled_jacobian"])
    volume = float(np.asarray(grid.compute_cell_sizes(length=False, area=False).cell_data["Volume"]).sum())
    return {
        "tetrahedra": grid.n_cells,
        "vertices": grid.n_points,
        "volume_mm3": round(volume, 3),
        "volume_difference_percent": round(100 * (volume / surface_volume_mm3 - 1), 6) + 0.0,  # no -0
        "scaled_jacobian_min": round(float(value.min()), 4),
        "scaled_jacobian_p1": round(float(np.percentile(value, 1)), 4),
        "scaled_jacobian_mean": round(float(value.mean()), 4),
        "poor_percent": round(100 * float((value < POOR).mean()), 4),
    }


def lps_files(mesh: VolumeMesh, unit: str) -> tuple[pv.UnstructuredGrid, pv.PolyData]:
    """The grid as it goes into a file, LPS in `unit`, and its boundary, RAS mm, as `write_vtp` takes it."""
    grid, boundary = mesh.grid.copy(), mesh.surface.copy()
    grid.points = MM_IN[unit] * np.asarray(grid.points, np.float64)
    boundary.points = ras_to_lps(np.asarray(boundary.points))
    boundary.field_data["face_names"] = mesh.names
    return grid, boundary


def write_volume_mesh(mesh: VolumeMesh, stem: str | os.PathLike, unit: str = "mm") -> list[str]:
    """Write `<stem>.vtu` (the tetrahedra), `<stem>_surface.vtp` (their boundary) and `<stem>.msh`, LPS.

    The .msh is gmsh's version 2.2 in ASCII, which OpenFOAM, FEniCS and meshio read too, and holds both with
    the patches as named groups.

    Returns:
        the names of the files.
    """
    grid, boundary = lps_files(mesh, unit)
    write_vtk(grid, f"{stem}.vtu", f"SPACE=LPS unit={unit}")
    write_vtp(boundary, f"{stem}_surface.vtp", unit)
    with replacing(f"{stem}.msh") as temporary:
        temporary.write_bytes(mesh.msh)
    return [f"{Path(stem).name}{ending}" for ending in (".vtu", "_surface.vtp", ".msh")]
