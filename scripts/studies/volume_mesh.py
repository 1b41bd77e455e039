"""Tetrahedra for a flow solver, and how good they are.

    python scripts/study.py volume_mesh      # needs the extra "mesher"

The phantoms are those of the study geometry, drawn as masks at 0.4 mm. NARCO_119 is the real patient of
docs/results/narco119.md, its mask at 0.5 mm without the aorta. Every open end gets a straight extension. Each
is filled twice, without layers on the wall and with them; then NARCO_119 with its aorta, edges of 0.8 mm and
no extensions. Where gmshToFoam and checkMesh are on the PATH, OpenFOAM reads and checks every mesh.
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT

from bundle.common.errors import InputError
from bundle.common.tables import to_text
from bundle.data.readers import read_volume
from bundle.geometry.centerline import vessel_tree, without_aorta
from bundle.geometry.core import Vessels, find_vessels
from bundle.geometry.naming import name_branches
from bundle.geometry.solver import (
    NoVolumeMesh,
    SolverModel,
    aorta_ends,
    solver_model,
    volume_mesh,
    why_no_mesher,
    write_volume_mesh,
)
from bundle.geometry.surface import remeshed, smooth_surface, vessel_surface

from .common import RESULTS, Out, table, write_results
from .geometry import HELD_OUT, rasterise, true_tubes
from .openfoam import checked, why_no_openfoam

NARCO = ROOT.parent / "shared" / "data" / "narco119" / "NARCO_119_mask_0p5mm.nii.gz"
AORTA_EDGES_MM = 0.8  # as the voxels give them, 2 million tetrahedra
MODEL = ("case", "surface_triangles", "inlets", "outlets", "shortened", "surface_s")
MESH = ("case", "boundary_layers", "result", "tetrahedra", "volume_mm3", "volume_difference_percent",
        "scaled_jacobian_min", "scaled_jacobian_p1", "scaled_jacobian_mean", "poor_percent",
        "volume_s")  # fmt: skip
LAYERS = ("case", "boundary_layers", "first_mm", "total_mm", "total_min_mm", "thinned_percent",
          "bare_percent", "layers_poor_percent", "inside_poor_percent")  # fmt: skip
FOAM = ("case", "boundary_layers", "check", "cells", "patches", "size_m", "volume_m3", "over_70_degrees",
        "non_orthogonality_max", "skewness_max", "aspect_ratio_max")  # fmt: skip
COLUMNS = tuple(dict.fromkeys((*MODEL, *MESH, *LAYERS, *FOAM)))


def modelled(
    case: str, vessels: Vessels, extension_diameters: float, aorta: bool = False
) -> tuple[dict, SolverModel]:
    """A row of figures of one case's model, and the model; with `aorta` it holds what the mask has of it."""
    begin = time.perf_counter()
    arteries = without_aorta(vessels)
    wall = smooth_surface(vessel_surface(vessels if aorta else arteries))[0]
    tree = name_branches(vessel_tree(arteries, wall))
    wall = remeshed(wall, AORTA_EDGES_MM if aorta else None)
    ends = aorta_ends(vessels, tree) if aorta else ()
    model = solver_model(wall, tree, extension_diameters, aorta=ends)
    kinds = [patch.kind for patch in model.patches]
    return {
        "case": case,
        "surface_triangles": model.mesh.n_cells,
        "inlets": kinds.count("inlet"),
        "outlets": kinds.count("outlet"),
        "shortened": sum("extension" in warning for warning in model.warnings),
        "warnings": model.warnings,
        "surface_s": time.perf_counter() - begin,
    }, model


def filled(about: dict, model: SolverModel, boundary_layers: int, meshes: Path, openfoam: bool) -> dict:
    """The row `about` a model with the figures of its volume mesh, whose files in metres go to `meshes`."""
    row, begin = about | {"boundary_layers": boundary_layers}, time.perf_counter()
    try:
        mesh = volume_mesh(model, unit="m", boundary_layers=boundary_layers)
    except NoVolumeMesh as reason:
        return row | {"result": str(reason)}
    row |= {"result": "meshed", "volume_s": time.perf_counter() - begin} | mesh.quality
    if mesh.layers is not None:
        own = dict(mesh.layers)
        row["layers_poor_percent"], row["inside_poor_percent"] = (
            own.pop(name) for name in ("poor_percent", "poor_percent_inside")
        )
        row |= own
    stem = meshes / f"{row['case'].replace(' ', '_')}_{boundary_layers}_layers"
    meshes.mkdir(parents=True, exist_ok=True)
    write_volume_mesh(mesh, stem, "m")
    if openfoam:
        try:
            found = checked(Path(f"{stem}.msh"), Path(f"{stem}_openfoam"))
        except ValueError as reason:
            return row | {"check": str(reason)}
        named = {patch.name for patch in model.patches} == set(found["patches"])
        found["patches"] = f"{len(found['patches'])} {'by name' if named else 'not as named'}"
        found["size_m"] = " x ".join(f"{size:.4f}" for size in found["size_m"])
        row |= found
    return row


def main(
    first_seed: Annotated[int, typer.Option(help="of the phantoms")] = HELD_OUT,
    count: int = 5,
    narco: Annotated[Path, typer.Option(help="NARCO_119's mask; without the file only phantoms")] = NARCO,
    extension_diameters: Annotated[float, typer.Option(help="of the ends")] = 2.0,
    boundary_layers: Annotated[int, typer.Option(help="on the wall")] = 3,
    meshes: Annotated[Path | None, typer.Option(help="folder for the meshes, in metres")] = None,
    out: Out = RESULTS,
) -> None:
    if why_no_mesher() is not None:
        raise InputError(why_no_mesher())
    no_openfoam, rows, models = why_no_openfoam(), [], []

    def measure(case: str, vessels: Vessels, layers: tuple[int, ...], *how) -> None:
        about, model = modelled(case, vessels, *how)
        models.append(about)
        for number in layers:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(filled(about, model, number, meshes or Path(folder), no_openfoam is None))
            print(to_text(rows[-1:], MESH).splitlines()[-1], flush=True)

    both = (0, boundary_layers)
    for seed in range(first_seed, first_seed + count):
        field, affine, _ = rasterise(true_tubes(seed))
        measure(f"phantom {seed}", find_vessels(field > 0, affine), both, extension_diameters)
    if narco.is_file():
        vessels = find_vessels(*read_volume(narco))
        measure("NARCO_119", vessels, both, extension_diameters)
        measure("NARCO_119 with aorta", vessels, (0,), 0.0, True)
    else:
        print(f"NARCO_119 is left out, for there is no {narco}")
    meshed = f"{sum(row['result'] == 'meshed' for row in rows)} of {len(rows)} succeeded"
    ends = f"ends have straight extensions of {extension_diameters:g} diameters"
    warnings = [f"- {about['case']}: {text}" for about in models for text in about["warnings"]]
    text = [
        f"{meshed}; {ends}; with the aorta none, and edges of {AORTA_EDGES_MM} mm. The models:",
        "",
        table(models, MODEL),
        "",
    ]
    text += ["What the models warn of:", "", *(warnings or ["- nothing"]), ""]
    text += ["Their volume meshes:", "", table(rows, MESH), ""]
    text += ["The layers on the wall:", "", table([row for row in rows if "first_mm" in row], LAYERS), ""]
    read = [row for row in rows if "check" in row]
    versions = ", ".join(sorted({row["openfoam"] for row in read if "openfoam" in row}))
    text += (
        [f"What OpenFOAM {versions} says of them:", "", table(read, FOAM)] if read else [f"{no_openfoam}."]
    )
    write_results(out, "volume_mesh", "\n".join(text), rows, COLUMNS)
