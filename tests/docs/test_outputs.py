"""docs/how-to/outputs.md against the files of real runs: nothing is missing, nothing is invented."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import pyvista as pv
from evaluation_run import evaluate
from inference_run import workflow
from tube_cases import tube_case, tube_volume

from bundle.common.files import plain_values
from bundle.geometry.case import MESH_COMPLETE, SUFFIXES, export_case
from bundle.geometry.solver.layers import Layers
from bundle.geometry.solver.tetrahedra import about_layers, quality_of
from bundle.handlers.training.dashboard.curves import COLUMNS as CURVES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "outputs.md"


def tables() -> dict[str, dict[str, list[str]]]:
    """Section, then the head of a table's first column, to the names in backticks in that column."""
    found: dict[str, dict[str, list[str]]] = {}
    section, head = "", ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:].replace("`", "")
        elif line.startswith("|"):
            first = line.split("|")[1].strip()
            name = re.fullmatch(r"`([^`]+)`", first)
            if name:
                found.setdefault(section, {}).setdefault(head, []).append(name[1])
            elif first.strip("-"):
                head = first
    return found


TABLES = tables()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Inference and evaluation of one scan, and everything that the geometry makes of a mask."""
    from contrast_network import ContrastNetwork

    from bundle.networks import save_weights

    root = tmp_path_factory.mktemp("outputs")
    for number, name in enumerate("abc"):  # a split needs three
        tube_case(root / "data", name, seed=number)
    save_weights(ContrastNetwork(), root / "contrast.pt")
    run = workflow(root / "data" / "a.img.nii.gz", root / "eval", root / "contrast.pt")
    run.run()
    evaluate(root / "data", root / "metrics", root / "contrast.pt", part="all")
    mask = np.pad(tube_volume()[1], 4)  # closed tubes, whose ends can be opened
    settings = {"voxel_points": True, "solver": True, "pictures": False, "cloud_formats": ("ply", "vtp")}
    settings["certainty"] = {"intercept": 0.0, "lumen": 1.0, "vein": -1.0, "length": 0.0}
    report = export_case(
        mask, np.diag([1, 1, 1.5, 1]), root / "all", "a", mask * 0.9, formats=("vtp",), **settings
    )
    (root / "all" / "a.json").write_text(json.dumps(plain_values(report)))
    return root


def test_every_file_of_a_case_is_listed(runs):
    listed = {name.replace("<case>", "a") for name in TABLES["Files of a case"]["file"]}
    volumes = {f"a_{MESH_COMPLETE}", "a.json", "a_seg.nii.gz", "a_prob.nii.gz", "a_reformation_<branch>.png"}
    volumes |= {"a.html", "a_entropy.nii.gz", "a_mutual_information.nii.gz"}
    assert listed == {f"a_{suffix}" for suffix in SUFFIXES} | volumes
    assert {path.name for path in (runs / "eval" / "a").iterdir()} <= listed


def test_fields_of_the_report(runs):
    listed = set(TABLES["<case>.json"]["field"])
    inference = json.loads((runs / "eval" / "a" / "a.json").read_text())
    everything = json.loads((runs / "all" / "a.json").read_text())
    assert listed == set(inference) | set(everything) | {"volume_mesh", "boundary_layers", "source", "parts"}


def test_the_parts_of_the_report_are_named_beside_it(runs):
    text = PAGE.read_text()
    report = json.loads((runs / "eval" / "a" / "a.json").read_text())
    report |= {"solver_settings": json.loads((runs / "all" / "a.json").read_text())["solver_settings"]}
    for part in ("smoothing", "mesh", "solver_settings", "scan", "provenance", "record"):
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{part}` | object"))
        assert set(re.findall(r"`(\w+)`", row)[1:]) == set(report[part]), part


def test_fields_of_patches_and_of_the_volume_mesh(runs):
    patches = json.loads((runs / "all" / "a.json").read_text())["solver_patches"]
    listed = TABLES["<case>.json"]
    assert {"inlet", "outlet"} <= {patch["kind"] for patch in patches}
    assert set(listed["field of solver_patches"]) == {key for patch in patches for key in patch}
    grid = pv.ImageData(dimensions=(2, 2, 2)).to_tetrahedra()
    assert listed["field of volume_mesh"] == list(quality_of(grid, 1.0))
    layer = np.arange(grid.n_cells) % 2
    grid.cell_data["BoundaryLayer"] = layer
    thick, nothing = np.ones(4), np.zeros(0)
    layers = Layers(grid.points, nothing, layer[layer > 0], nothing, nothing, thick, thick > 1)
    assert listed["field of boundary_layers"] == list(about_layers(layers, grid))


@pytest.mark.parametrize(
    "section, file",
    [
        ("<case>_branches.csv", "eval/a/a_branches.csv"),
        ("<case>_stenoses.csv", "eval/a/a_stenoses.csv"),
        ("<case>_ends.csv", "all/a_ends.csv"),
        ("summary.csv", "eval/summary.csv"),
        ("metrics.csv", "metrics/metrics.csv"),
        ("metrics_summary.csv", "metrics/metrics_summary.csv"),
    ],
)
def test_columns_of_the_tables(runs, section, file):
    with open(runs / file, newline="") as table:
        assert TABLES[section]["column"] == next(csv.reader(table))


def test_fields_of_the_metrics_and_columns_of_the_curves(runs):
    metrics = json.loads((runs / "metrics" / "metrics.json").read_text())
    assert TABLES["metrics.json"]["field"] == list(metrics)
    assert TABLES["curves.csv"]["column"] == list(CURVES)


@pytest.mark.parametrize("file", ["mesh", "points", "centerline", "solver"])
def test_arrays_of_the_vtp_files(runs, file):
    data = pv.read(runs / "all" / f"a_{file}.vtp")
    listed = TABLES[f"<case>_{file}.vtp"]
    for kind, arrays in (("point", data.point_data), ("cell", data.cell_data), ("field", data.field_data)):
        assert set(listed.get(f"{kind} array", [])) == set(arrays.keys()), kind


def test_properties_of_the_ply_files(runs):
    header = (runs / "all" / "a_points.ply").read_bytes().partition(b"end_header")[0].decode()
    properties = set(re.findall(r"^property \w+ (\w+)$", header, re.MULTILINE))
    values = set(TABLES["<case>_points.vtp"]["point array"]) - {"Normals", "RGB"}
    assert properties == values | {*"xyz", "nx", "ny", "nz", "red", "green", "blue"}
