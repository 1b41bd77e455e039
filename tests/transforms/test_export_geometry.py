"""MONAI Label's answer carries the geometry; a run of the bundle and a scoring leave it to others."""

import json

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from monai.transforms import Invertd, SaveImaged
from page_case import data_of

from bundle.geometry.case.options import ExportOptions
from bundle.handlers.cases.geometry_export import GeometryExport
from bundle.transforms.export_geometry import ExportGeometryd, case_geometry


def request(affine=None, **entries):
    """An item after post-processing: a ball of 5 voxels of 0.5 x 0.5 x 0.8 mm, from the file ball.nii.gz."""
    affine = torch.diag(torch.tensor([0.5, 0.5, 0.8, 1.0], dtype=torch.float64)) if affine is None else affine
    grid = np.stack(np.meshgrid(*[np.arange(20) - 9.5] * 3, indexing="ij"))
    distance = 5 - np.linalg.norm(grid, axis=0)
    probability = torch.as_tensor(1 / (1 + np.exp(-distance)), dtype=torch.float32)[None]
    meta = {"filename_or_obj": "/studies/ball.nii.gz", "threshold": 0.5}
    pred = MetaTensor((probability > 0.5).to(torch.uint8), affine=affine, meta=meta)
    return {"pred": pred, "prob": MetaTensor(probability, affine=affine), **entries}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_request_gets_the_files_and_the_report(tmp_path):
    out = ExportGeometryd("pred", tmp_path, ExportOptions(pictures=False))(
        request(model="coronary", result={"a": 1})
    )
    report = json.loads(json.dumps(out["result"], allow_nan=False))["geometry"]
    assert out["result"]["a"] == 1 and report["case"] == "ball"
    assert report["mesh"]["volume_mm3"] == pytest.approx(4 / 3 * np.pi * 5**3 * 0.2, rel=0.05)
    assert set(report["files"].values()) | {"ball.json"} == set(files(tmp_path / "ball"))


def test_they_are_those_of_the_handler(tmp_path):
    ExportGeometryd("pred", tmp_path / "label", ExportOptions(pictures=False))(request(model="coronary"))

    def step(engine, item):
        engine.state.batch = [{"case": "ball"}]
        return [item]

    engine = Engine(step)
    GeometryExport(tmp_path / "handler", ExportOptions(pictures=False)).attach(engine)
    engine.run([request()])
    label, handler = files(tmp_path / "label"), files(tmp_path / "handler")
    reports = [json.loads(side.pop("ball.json")) for side in (label, handler)]
    assert label.pop("ball.html") and handler.pop("ball.html")  # with other times
    assert data_of(tmp_path / "label" / "ball" / "ball.html").keys() >= {"report", "surface"}
    assert label == handler
    assert [report.pop("seconds") is None for report in reports] == [False, False]
    assert reports[0] == reports[1]


@pytest.mark.parametrize("entries", [{"case": "ball"}, {"image_path": "/studies/ball.nii.gz"}])
def test_a_run_of_the_bundle_and_a_scoring_write_nothing(tmp_path, entries):
    out = ExportGeometryd("pred", tmp_path)(request(**entries))
    assert "result" not in out and not files(tmp_path)


def test_monai_label_keeps_the_transform():
    """It drops these two kinds from the post-processing."""
    assert not issubclass(ExportGeometryd, (SaveImaged, Invertd))


def test_a_geometry_that_fails_does_not_take_the_mask_with_it(tmp_path):
    flat = torch.diag(torch.tensor([0.5, 0.5, 0.0, 1.0], dtype=torch.float64))
    item = request(flat, model="coronary")
    out = ExportGeometryd("pred", tmp_path, ExportOptions(pictures=False))(item)
    assert out["pred"] is item["pred"]
    assert out["result"]["geometry"]["case"] == "ball" and "singular" in out["result"]["geometry"]["failed"]


def test_the_ct_goes_along_near_the_vessels_on_any_grid():
    """On the mask's grid the box around the vessels, elsewhere all of it: each place keeps its HU."""
    item = request()
    where = np.indices((20, 20, 20)).sum(axis=0, dtype=np.int16)  # HU that tell the place
    same = MetaTensor(torch.as_tensor(where)[None], affine=item["pred"].affine)
    image, affine = case_geometry(item["pred"], ct=same).ct
    assert image.shape == (20, 20, 20)  # the box and its margin are larger than this scan
    np.testing.assert_allclose(affine, item["pred"].affine)
    half = np.diag([1.0, 1.0, 1.6, 1.0])
    other, at = case_geometry(item["pred"], ct=MetaTensor(same[:, ::2, ::2, ::2], affine=half)).ct
    np.testing.assert_array_equal(other, where[::2, ::2, ::2])
    np.testing.assert_allclose(at, half)
    far = torch.zeros((1, 80, 80, 80), dtype=torch.uint8)
    far[:, 40:45, 41:46, 42:47] = 1
    big = np.indices((80, 80, 80)).sum(axis=0, dtype=np.int16)
    image, affine = case_geometry(MetaTensor(far), ct=MetaTensor(torch.as_tensor(big)[None])).ct
    assert image.shape == (37, 37, 37) and affine[:3, 3].tolist() == [24, 25, 26]
    np.testing.assert_array_equal(image, big[24:61, 25:62, 26:63])
