"""A case's scene and files in 3D Slicer's own code.

    python -m venv slicer && slicer/bin/pip install slicer-core
    python scripts/study.py dicom_objects scene --slicer-python slicer/bin/python
    python scripts/study.py dicom_objects scene --slicer-python slicer/bin/python --case results/4f2a \\
        --scan scan.nii.gz --series /data/series

slicer-core has 3D Slicer's libraries without its windows; it brings a VTK of its own, so it needs a Python of
its own (3.10 to 3.13). There the scene of a case is opened, as by a double click, and then its files one by
one. Every node is held against the file that it came from: place (RAS mm), voxels, points, names, colours,
tables. A slice and the 3D view, drawn by Slicer's displayable managers, stand side by side in a picture. The
case is a phantom on a scanner's matrix, segmented in the paper's mode, or one of yours with scan and series.
"""

import csv
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import nibabel as nib
import numpy as np
import pyvista as pv
import typer
from PIL import Image
from scipy.spatial import KDTree

from bundle.common.coordinates import ras_to_lps
from bundle.common.errors import InputError
from bundle.common.tables import to_text
from bundle.geometry.io import read_branches
from bundle.geometry.render import branch_colors

from ..common import RESULTS, Out, table, write_results
from ..geometry import HELD_OUT
from .finished import Finished, made, name_in

COLUMNS = ("opened", "checked", "found", "verdict")
READS = Path(__file__).parent / "slicer_reads.py"
_WITHOUT_READER = ("seg.dcm", "sr.dcm", "mesh.dcm")
Row = tuple[str, str, str, bool | None]


@dataclass(frozen=True)
class Case(Finished):
    """A finished case of a NIfTI scan, and one file of the same scan's DICOM series."""

    scan: Path
    slice_file: Path


def opened(folder: Path, scan: Path, series: Path) -> Case:
    files = sorted(path for path in series.iterdir() if path.is_file())
    if not files:
        raise InputError(f"the folder of the series '{series}' holds no file")
    return Case(folder.absolute(), name_in(folder), scan.absolute(), files[0].absolute())


def read_by_slicer(case: Case, python: Path, work: Path) -> dict[str, Any]:
    """What Slicer's libraries tell of the files of a case; arrays and pictures lie in `work`.

    Raises:
        InputError: the other Python has no slicer-core, or Slicer's code ends with an error.
    """
    mask = nib.load(case.file("seg.nii.gz"))
    most = int(np.asarray(mask.dataobj).sum(axis=(0, 1)).argmax())
    paths = {
        "scene": str(case.file("scene.mrml")),
        "models": [str(case.file(end)) for end in _POINTS],
        "tables": [str(case.file(f"{name}.csv")) for name in ("branches", "stenoses")],
        "volumes": [str(case.file("prob.nii.gz"))],
        "series": [str(case.slice_file)],
        "slice_mm": float((mask.affine @ [0, 0, most, 1])[2]),
    }
    (work / "paths.json").write_text(json.dumps(paths))
    words = [str(python), str(READS), str(work / "paths.json"), str(work)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
        )
    except OSError as error:
        raise InputError(f"'{python}' does not run: {error.strerror}") from None
    if "No module named 'slicer'" in done.stderr:
        raise InputError(f"'{python}' has no 3D Slicer; make it so with: {python} -m pip install slicer-core")
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no word"]
        raise InputError(f"3D Slicer's code ended with {done.returncode}: {last[0]}")
    return json.loads((work / "facts.json").read_text())


_POINTS = ("mesh.stl", "mesh.ply", "mesh.vtp", "points.ply", "voxels.ply", "centerline.vtp")


def _apart_mm(points: np.ndarray, others: np.ndarray) -> float:
    """The farthest that a point of one set lies from the nearest of the other, both ways."""
    return max(KDTree(a).query(b)[0].max() for a, b in ((points, others), (others, points)))


def _in_ras(path: Path) -> np.ndarray:
    return ras_to_lps(np.asarray(pv.read(path).points, float))  # the way there is the way back


def _volume_row(opened_as: str, found: dict, path: Path, work: Path) -> Row:
    image = nib.load(path)
    voxels = np.load(work / found["voxels"])
    own = np.asarray(image.dataobj)
    apart = np.abs(np.array(found["ijk_to_ras"]) - image.affine).max()
    differ = int((voxels.transpose(2, 1, 0) != own).sum()) if voxels.shape[::-1] == own.shape else own.size
    told = f"{differ} of {own.size} voxels differ, grid to {apart:.1g} mm"
    return opened_as, "voxels, place", told, not differ and apart < 1e-4


def of_the_scene(case: Case, scene: dict, work: Path) -> Iterator[Row]:
    told = scene["told"] + scene["said"]
    yield "scene", "messages of readers and VTK", "; ".join(told) or "none", scene["read"] and not told
    yield "scene", "files found and read", f"{scene['files']} of 4", scene["files"] == 4
    yield _volume_row("scene: scan", scene["volumes"][0], case.scan, work)
    shown = scene["background"] == "vtkMRMLScalarVolumeNode"
    yield "scene: scan", "in the slices", "in their background" if shown else "missing", shown
    (segment,) = scene["segments"]
    yield _volume_row("scene: segment", segment, case.file("seg.nii.gz"), work)
    wall, *lines = scene["models"]
    as_wall = np.allclose(segment["rgb"], (0.83, 0.20, 0.27), atol=0.003)
    yield ("scene: segment", "name, colour", f"{segment['name']}, {'as' if as_wall else 'not as'} the wall",
           segment["name"] == "Coronary arteries" and as_wall)  # fmt: skip
    apart = _apart_mm(np.load(work / wall["points"]), _in_ras(case.file("mesh.vtp")))
    yield "scene: wall", "points", f"within {apart:.1g} mm, by {wall['coloured_by']}", apart < 1e-4
    branches = read_branches(case.file("centerline.vtp"))
    colours = branch_colors([branch.name for branch in branches]) / 255
    names = [line["name"] for line in lines]
    yield ("scene: branches", "names", ", ".join(names), names == [b.name for b in branches])  # fmt: skip
    alike = sum(np.allclose(line["rgb"], rgb, atol=0.003) for line, rgb in zip(lines, colours))
    yield "scene: branches", "colours", f"{alike} of {len(branches)}", alike == len(branches)
    own = [np.load(work / line["points"]) for line in lines]
    alone = sum(len(points) == len(branch.points) and _apart_mm(points, branch.points) < 1e-3
                for points, branch in zip(own, branches))  # fmt: skip
    yield ("scene: branches", "each shows its own points alone", f"{alone} of {len(branches)}",
           alone == len(branches))  # fmt: skip


def of_files(case: Case, facts: dict, work: Path) -> Iterator[Row]:
    alone, told = facts["alone"], facts["told_alone"]
    told = told + [found["told"] for found in alone.values() if found["told"]]
    yield "files, one by one", "messages of readers and VTK", "; ".join(told) or "none", not told
    for end in _POINTS:
        points = np.load(work / alone[str(case.file(end))]["points"])
        apart = _apart_mm(points, _in_ras(case.file(end)))
        yield f"*_{end}", "points", f"{len(points)}, within {apart:.1g} mm", apart < 1e-4
    for end in ("branches.csv", "stenoses.csv"):
        cells = alone[str(case.file(end))]["cells"]
        with open(case.file(end), newline="") as file:
            own = list(csv.reader(file))[1:]
        yield f"*_{end}", "cells", f"{len(cells)} rows", cells == own
    yield _volume_row("*_prob.nii.gz", alone[str(case.file("prob.nii.gz"))], case.file("prob.nii.gz"), work)
    yield _volume_row("DICOM series of the scan", alone[str(case.slice_file)], case.scan, work)
    why = "slicer-core has no reader for it"
    for end in _WITHOUT_READER:
        yield f"*_{end}", "", why, None


def _picture(work: Path, out: Path) -> None:
    views = [Image.open(work / f"{name}.png") for name in ("slice", "tree")]
    both = Image.new("RGB", (sum(view.width for view in views), views[0].height))
    for number, view in enumerate(views):
        both.paste(view, (number * views[0].width, 0))
    both.save(out)


def main(
    slicer_python: Annotated[Path, typer.Option(help="a Python that has slicer-core")],
    seed: int = HELD_OUT,
    case: Annotated[Path | None, typer.Option(help="folder of a finished case")] = None,
    scan: Annotated[Path | None, typer.Option(help="the NIfTI scan that it was made of")] = None,
    series: Annotated[Path | None, typer.Option(help="folder with the same scan as DICOM")] = None,
    out: Out = RESULTS,
) -> None:
    if len({case is None, scan is None, series is None}) > 1:
        raise InputError("--case, --scan and --series belong together; give all, or none for a phantom.")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "slicer"
        work.mkdir()
        given = made(seed, Path(folder), from_dicom=False) if case is None else (case, scan, series)
        finished = opened(*given)
        facts = read_by_slicer(finished, slicer_python, work)
        found = [*of_the_scene(finished, facts["scene"], work), *of_files(finished, facts, work)]
        _picture(work, (out.parent / "images" if out == RESULTS else out) / "slicer_scene.png")
    verdicts = {True: "agrees", False: "differs", None: "not run"}
    rows = [dict(zip(COLUMNS, (*row[:3], verdicts[row[3]]))) for row in found]
    print(to_text(rows, COLUMNS))
    agree, differ = (sum(row["verdict"] == word for row in rows) for word in ("agrees", "differs"))
    whose = f"Phantom {seed}" if case is None else "A case of its own"
    text = f"{whose}, slicer-core {facts['slicer_core']} with VTK {facts['vtk']}. "
    text += f"Of {agree + differ} checks {agree} agree and {differ} differ.\n\n{table(rows, COLUMNS)}"
    write_results(out, "dicom_objects scene", text, rows, COLUMNS)
