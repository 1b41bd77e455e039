"""The files of a case for a flow solver, with the length of edges at which they can be made."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyvista as pv

from bundle.common.tables import exact, write_csv
from bundle.geometry.core import Tree
from bundle.geometry.io import write_vtp
from bundle.geometry.solver import (
    END_COLUMNS,
    NoVolumeMesh,
    SolverModel,
    VolumeMesh,
    end_rows,
    patch_table,
    solver_model,
    volume_mesh,
    write_mesh_complete,
    write_solver_stl,
    write_volume_mesh,
)
from bundle.geometry.surface import mean_edge_mm, remeshed

from .files import MESH_COMPLETE
from .options import ExportOptions

__all__ = ["write_solver"]

_OTHER_EDGES_MM = (0.5, 0.8)  # that are tried where the surface as it was asked for will not do


@dataclass
class _Try:
    """A model of edges of this length (None: as the voxels give them), and what is wrong with it."""

    edge_mm: float | None
    model: SolverModel
    volume: VolumeMesh | None = None
    why_none: str = ""

    @property
    def fault(self) -> str:
        return self.why_none or (
            f"{' and '.join(self.model.closed)} would stay closed" if self.model.closed else ""
        )


def _tries(wall: pv.PolyData, tree: Tree, options: ExportOptions, aorta: Sequence) -> list[_Try]:
    """Models of several lengths of edges, up to the first of which nothing is wrong.

    Where a plane can cut an end off, and whether gmsh can fill a surface, depends on how its triangles lie.
    """
    tries = []
    for edge_mm in dict.fromkeys((options.edge_length_mm, *_OTHER_EDGES_MM)):
        own = remeshed(wall, edge_mm, options.keep_triangles if edge_mm == options.edge_length_mm else 1.0)
        tries.append(_Try(edge_mm, solver_model(own, tree, options.extension_diameters, aorta=aorta)))
        if not tries[-1].model.closed:
            _fill(tries[-1], options)
        if not tries[-1].fault:
            break
    return tries


def _fill(one: _Try, options: ExportOptions) -> None:
    """Try to make the volume mesh, where one is asked for and was not tried."""
    if not options.volume_mesh or one.volume is not None or one.why_none:
        return
    try:
        one.volume = volume_mesh(one.model, unit=options.unit, boundary_layers=options.boundary_layers)
    except NoVolumeMesh as reason:
        one.why_none = str(reason)


def _best(tries: list[_Try], options: ExportOptions) -> _Try:
    """The one with the fewest closed ends among those that can be filled, if that is asked for."""
    ranked = sorted(tries, key=lambda one: len(one.model.closed))
    for one in ranked:
        _fill(one, options)
        if not one.why_none:
            return one
    return ranked[0]


def _words(edge_mm: float | None) -> str:
    return "edges as the voxels give them" if edge_mm is None else f"edges of {edge_mm:g} mm"


def write_solver(
    wall: pv.PolyData, tree: Tree, options: ExportOptions, stem: str, report: dict, aorta: Sequence = ()
) -> dict[str, str]:
    """The solver model, its ends as a table and, on request, its volume mesh; roles and names of the files.

    Where an end stays closed or gmsh fails, edges of 0.5 and of 0.8 mm are tried. `solver_settings`, patches,
    quality and warnings go to the report.

    Args:
        wall: closed mesh, RAS mm, with the edges that the voxels give it. aorta: see `solver_model`.
    """
    tries = _tries(wall, tree, options, aorta)
    best, name = _best(tries, options), Path(stem).name
    model = best.model
    write_vtp(model.mesh, f"{stem}_solver.vtp", options.unit)
    write_solver_stl(model, f"{stem}_solver.stl", options.unit)
    write_csv(f"{stem}_ends.csv", end_rows(model, tree), END_COLUMNS, exact)
    report["solver_patches"] = patch_table(model)
    report["solver_settings"] = {
        "asked_mm": options.edge_length_mm,
        "remeshed_to_mm": best.edge_mm,
        "mean_mm": round(mean_edge_mm(model.mesh), 3),
        "extension_diameters": options.extension_diameters,
        "unit_of_files": options.unit,
    }
    if best is not tries[0]:
        report["warnings"].append(
            f"the solver model has {_words(best.edge_mm)}; with {_words(tries[0].edge_mm)}: {tries[0].fault}"
        )
    report["warnings"] += model.warnings
    files = {f"solver_{kind}": f"{name}_solver.{kind}" for kind in ("vtp", "stl")}
    files["ends"] = f"{name}_ends.csv"
    if not options.volume_mesh:
        return files
    if best.volume is None:
        tried = "; ".join(f"{_words(one.edge_mm)}: {one.why_none}" for one in tries)
        same = len({one.why_none for one in tries}) == 1
        report["warnings"].append(f"no volume mesh: {tries[0].why_none if same else tried}")
        return files
    return files | _write_volume(best.volume, options, stem, report)


def _write_volume(mesh: VolumeMesh, options: ExportOptions, stem: str, report: dict) -> dict[str, str]:
    report["volume_mesh"] = mesh.quality
    if mesh.layers is not None:
        report["boundary_layers"] = mesh.layers
    written = write_volume_mesh(mesh, f"{stem}_volume", options.unit)
    files = dict(zip(("volume", "volume_surface", "volume_msh"), written))
    if options.mesh_complete:
        folder = Path(f"{stem}_{MESH_COMPLETE}")
        shutil.rmtree(folder, ignore_errors=True)  # its faces may have had other names
        for file in write_mesh_complete(mesh, folder, options.unit):
            files[f"mesh_complete_{file.stem}"] = file.relative_to(folder.parent).as_posix()
    return files
