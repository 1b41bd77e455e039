import json

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor

from bundle.geometry.case.options import ExportOptions
from bundle.handlers.cases.geometry_export import GeometryExport


def item(case, radius, affine=None):
    """A decollated item with a ball of `radius` voxels in the middle of 20 voxels."""
    affine = torch.diag(torch.tensor([0.5, 0.5, 0.8, 1.0])) if affine is None else affine
    grid = np.stack(np.meshgrid(*[np.arange(20) - 9.5] * 3, indexing="ij"))
    distance = radius - np.linalg.norm(grid, axis=0)
    probability = torch.as_tensor(1 / (1 + np.exp(-distance)), dtype=torch.float32)[None]
    pred = MetaTensor((probability > 0.5).to(torch.uint8), affine=affine)
    pred.meta["threshold"] = 0.5
    return {"case": case, "pred": pred, "prob": MetaTensor(probability, affine=affine)}


def run(handler, *items):
    def step(engine, item):
        """Leave decollated lists behind, the case's name in the batch, as MONAI's post-processing does."""
        engine.state.batch = [{"case": item["case"]}]
        return [{"pred": item["pred"], "prob": item["prob"]}]

    engine = Engine(step)
    handler.attach(engine)
    engine.run(list(items), max_epochs=1)


def test_every_case_gets_its_folder_and_its_json(tmp_path):
    handler = GeometryExport(tmp_path, ExportOptions(pictures=False), "models/model.pt")
    run(handler, item("1", 5), item("2", 7))
    assert list(handler.results) == ["1", "2"] and len(handler.failures) == 0
    report = json.loads((tmp_path / "2" / "2.json").read_text())
    assert report["provenance"]["weights"] == "models/model.pt" and report["scan"]["threshold"] == 0.5
    true_mm3 = 4 / 3 * np.pi * 7**3 * 0.5 * 0.5 * 0.8
    assert report["mesh"]["volume_mm3"] == pytest.approx(true_mm3, rel=0.03)
    assert (tmp_path / "1" / "1_mesh.stl").exists()


def test_an_empty_case_is_no_failure(tmp_path):
    handler = GeometryExport(tmp_path, ExportOptions(pictures=False))
    run(handler, item("1", -1))
    assert len(handler.failures) == 0
    report = json.loads((tmp_path / "1" / "1.json").read_text())
    assert report["empty"] and report["files"] == {"page": "1.html"}


def test_a_broken_case_is_recorded_and_the_others_go_on(tmp_path):
    handler = GeometryExport(tmp_path, ExportOptions(pictures=False))
    flat = torch.diag(torch.tensor([0.5, 0.5, 0.0, 1.0]))
    run(handler, item("bad", 5, flat), item("good", 5))
    assert list(handler.results) == ["good"]
    assert [f["case"] for f in handler.failures] == ["bad"] and "singular" in handler.failures[0]["reason"]


def test_a_second_run_starts_afresh(tmp_path):
    handler = GeometryExport(tmp_path, ExportOptions(pictures=False))
    run(handler, item("1", 5))
    run(handler, item("2", 5))
    assert list(handler.results) == ["2"]


def test_narrowed_vessels_go_to_the_summary_of_the_run(tmp_path):
    """A ball is no vessel with a name: none can be judged, and none is narrowed."""
    handler = GeometryExport(tmp_path, ExportOptions(pictures=False))
    run(handler, item("1", 7), item("none", -1))
    assert handler.counts["none"] == {}
    assert handler.counts["1"]["vessels_assessable"] == handler.counts["1"]["vessels_narrowed_50"] == 0
