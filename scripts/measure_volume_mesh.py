"""Volume meshes of phantoms and of a real tree: whether they succeed, and how good their elements are.

    python scripts/measure_volume_mesh.py      # needs the extra "mesher"; writes docs/volume_mesh.md

The phantoms are those of measure_geometry.py, drawn as masks at 0.4 mm. NARCO_119 is the real patient of
docs/narco119.md, its mask at 0.5 mm without the aorta. Every open end gets a straight extension.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from pathlib import Path

import fire
import nibabel as nib
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT))

from benchmark_inference import machine  # noqa: E402
from measure_geometry import HELD_OUT, SPACING_MM, rasterise, true_tubes  # noqa: E402

from bundle.common.files import write_text  # noqa: E402
from bundle.common.tables import cell, to_text  # noqa: E402
from bundle.geometry.centerline import vessel_tree, without_aorta  # noqa: E402
from bundle.geometry.core import Vessels, find_vessels, volume_mm3  # noqa: E402
from bundle.geometry.measure import name_branches  # noqa: E402
from bundle.geometry.solver import NoVolumeMesh, solver_model, volume_mesh, write_volume_mesh  # noqa: E402
from bundle.geometry.surface import smooth_surface, vessel_surface  # noqa: E402

NARCO = ROOT / ".." / "shared" / "data" / "narco119" / "NARCO_119_mask_0p5mm.nii.gz"
COLUMNS = ("case", "result", "surface_triangles", "inlets", "outlets", "shortened", "tetrahedra",
           "volume_mm3", "volume_difference_percent", "scaled_jacobian_min", "scaled_jacobian_p1",
           "scaled_jacobian_mean", "poor_percent", "surface_s", "volume_s")  # fmt: skip


def measure(case: str, vessels: Vessels, extension_diameters: float, out: str) -> dict:
    """A row of figures for one case; with `out`, its files too."""
    begin = time.perf_counter()
    wall = smooth_surface(vessel_surface(vessels))[0]
    model = solver_model(wall, name_branches(vessel_tree(vessels, wall)), extension_diameters)
    kinds = [patch.kind for patch in model.patches]
    row = dict.fromkeys(COLUMNS, "") | {
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
    if out:
        write_volume_mesh(mesh, Path(out) / f"{case.replace(' ', '_')}_volume")
    return row | {"result": "meshed", "volume_s": time.perf_counter() - begin} | mesh.quality


def page(rows: list[dict], extension_diameters: float) -> str:
    """docs/volume_mesh.md."""
    good = [row for row in rows if row["result"] == "meshed"]
    lines = [
        "# Volume meshes",
        "",
        "Tetrahedra in the lumen between flat, named ends, by gmsh (the optional extra `mesher`), as the "
        "proof that the surface is fit for a flow solver: "
        "`python scripts/reconstruct.py MASK --out DIR --volume-mesh`.",
        "",
        f"{datetime.date.today()}, {machine()}, load average {os.getloadavg()[1]:.1f} (the seconds are of "
        "one process beside that); written by `python scripts/measure_volume_mesh.py`. Phantoms "
        f"are drawn as masks at {SPACING_MM} mm, NARCO_119 is the real patient of [narco119.md](narco119.md) "
        f"without the aorta; ends have straight extensions of {extension_diameters:g} diameters. {len(good)} "
        f"of {len(rows)} succeeded.",
        "",
        "The scaled Jacobian (VTK's) is 1 for a regular tetrahedron and 0 for a flat one; an element under "
        "0.1 is poor. `p1` is its first percentile. The difference of volume is between the tetrahedra "
        "and the surface. `shortened` counts extensions that are shorter, or left out, because they would "
        "meet another vessel.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|" + "---|" * len(COLUMNS),
    ]
    lines += [f"| {' | '.join(cell(row[name]) for name in COLUMNS)} |" for row in rows]
    remarks = [f"- {row['case']}: {text}" for row in rows for text in row["warnings"]]
    if remarks:
        lines += ["", "## What the models warn of", "", *remarks]
    return "\n".join(lines) + "\n"


def main(
    first_seed: int = HELD_OUT,
    count: int = 5,
    narco: str = str(NARCO),
    extension_diameters: float = 2.0,
    out: str = "",
    markdown: str = str(ROOT / "docs" / "volume_mesh.md"),
) -> None:
    """Measure, print a table, write a page.

    Args:
        first_seed, count: of the phantoms.
        narco: NARCO_119's mask, "" to leave it out.
        extension_diameters: of the ends.
        out: folder for the meshes, "" for none.
        markdown: the page to write, "" for none.
    """
    rows = []
    for seed in range(first_seed, first_seed + count):
        field, affine, _ = rasterise(true_tubes(seed))
        rows.append(measure(f"phantom {seed}", find_vessels(field > 0, affine), extension_diameters, out))
        print(to_text(rows[-1:], COLUMNS).splitlines()[-1], flush=True)
    if narco:
        image = nib.load(narco)
        vessels = without_aorta(find_vessels(np.asarray(image.dataobj), image.affine))
        rows.append(measure("NARCO_119", vessels, extension_diameters, out))
    print(to_text(rows, COLUMNS))
    if markdown:
        write_text(markdown, page(rows, extension_diameters))
        print(f"page: {markdown}")


if __name__ == "__main__":
    fire.Fire(main)
