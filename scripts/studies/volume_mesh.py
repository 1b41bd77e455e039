"""Tetrahedra for a flow solver, and how good they are.

    python scripts/study.py volume_mesh      # needs the extra "mesher"

The phantoms are those of the study geometry, drawn as masks at 0.4 mm. NARCO_119 is the real patient of
docs/results/narco119.md, its mask at 0.5 mm without the aorta. Every open end gets a straight extension.
"""

import time
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT

from bundle.common.errors import InputError
from bundle.common.tables import to_text
from bundle.data.readers import read_volume
from bundle.geometry.centerline import vessel_tree, without_aorta
from bundle.geometry.core import Vessels, find_vessels, volume_mm3
from bundle.geometry.naming import name_branches
from bundle.geometry.solver import NoVolumeMesh, solver_model, volume_mesh, why_no_mesher, write_volume_mesh
from bundle.geometry.surface import smooth_surface, vessel_surface

from .common import RESULTS, Out, table, write_results
from .geometry import HELD_OUT, rasterise, true_tubes

NARCO = ROOT.parent / "shared" / "data" / "narco119" / "NARCO_119_mask_0p5mm.nii.gz"
COLUMNS = ("case", "result", "surface_triangles", "inlets", "outlets", "shortened", "tetrahedra",
           "volume_mm3", "volume_difference_percent", "scaled_jacobian_min", "scaled_jacobian_p1",
           "scaled_jacobian_mean", "poor_percent", "surface_s", "volume_s")  # fmt: skip


def measure(case: str, vessels: Vessels, extension_diameters: float, meshes: Path | None) -> dict:
    """A row of figures for one case; with `meshes`, a folder, its files too."""
    begin = time.perf_counter()
    wall = smooth_surface(vessel_surface(vessels))[0]
    model = solver_model(wall, name_branches(vessel_tree(vessels, wall)), extension_diameters)
    kinds = [patch.kind for patch in model.patches]
    row = {
        "case": case,
        "surface_triangles": model.mesh.n_cells,
        "surface_volume_mm3": volume_mm3(model.mesh),
        "inlets": kinds.count("inlet"),
        "outlets": kinds.count("outlet"),
        "shortened": sum("extension" in warning for warning in model.warnings),
        "warnings": model.warnings,
        "surface_s": time.perf_counter() - begin,
    }
    begin = time.perf_counter()
    try:
        mesh = volume_mesh(model)
    except NoVolumeMesh as reason:
        return row | {"result": str(reason)}
    if meshes:
        write_volume_mesh(mesh, meshes / f"{case.replace(' ', '_')}_volume")
    return row | {"result": "meshed", "volume_s": time.perf_counter() - begin} | mesh.quality


def main(
    first_seed: Annotated[int, typer.Option(help="of the phantoms")] = HELD_OUT,
    count: int = 5,
    narco: Annotated[Path, typer.Option(help="NARCO_119's mask; without the file only phantoms")] = NARCO,
    extension_diameters: Annotated[float, typer.Option(help="of the ends")] = 2.0,
    meshes: Annotated[Path | None, typer.Option(help="folder for the meshes")] = None,
    out: Out = RESULTS,
) -> None:
    if why_no_mesher() is not None:
        raise InputError(why_no_mesher())
    rows = []
    for seed in range(first_seed, first_seed + count):
        field, affine, _ = rasterise(true_tubes(seed))
        vessels = find_vessels(field > 0, affine)
        rows.append(measure(f"phantom {seed}", vessels, extension_diameters, meshes))
        print(to_text(rows[-1:], COLUMNS).splitlines()[-1], flush=True)
    if narco.is_file():
        vessels = without_aorta(find_vessels(*read_volume(narco)))
        rows.append(measure("NARCO_119", vessels, extension_diameters, meshes))
    else:
        print(f"NARCO_119 is left out, for there is no {narco}")
    meshed = f"{sum(row['result'] == 'meshed' for row in rows)} of {len(rows)} succeeded"
    ends = f"ends have straight extensions of {extension_diameters:g} diameters"
    warnings = [f"- {row['case']}: {text}" for row in rows for text in row["warnings"]]
    text = [f"{meshed}; {ends}.", "", table(rows, COLUMNS), "", "What the models warn of:", "", *warnings]
    write_results(out, "volume_mesh", "\n".join(text), rows, COLUMNS)
