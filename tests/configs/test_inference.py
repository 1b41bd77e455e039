"""From scan to files through configs/inference.yaml, with a network that sees contrast without training."""

import csv
import json
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import torch
from contrast_network import ContrastNetwork
from inference_run import CONTRAST, ROOT, workflow
from tube_cases import tube_case

from bundle.common.errors import InputError, find_input_error
from bundle.networks.resunet3d import ResUNet3D
from bundle.networks.weights import save_weights

# Axes that run left, posterior and inferior, turned out of the patient's planes, and unequal spacings.
OBLIQUE_FLIPPED = np.array(
    [[0.0, -0.8, 0.1, 30.0], [-0.7, 0.0, 0.05, -80.0], [0.02, 0.08, -1.2, 12.0], [0, 0, 0, 1.0]]
)


def table(path):
    with open(path, newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("affine", [None, OBLIQUE_FLIPPED], ids=["straight", "oblique, flipped"])
def test_results_lie_on_the_scans_own_grid(tmp_path, weights, affine):
    """Also from another grid and orientation inside: the mask is the tubes, where they are in the file."""
    item = tube_case(tmp_path / "data", "a", affine=affine)
    workflow(item["image"], tmp_path / "eval", weights, spatial_size=[40, 56, 24]).run()
    scan, truth = nib.load(item["image"]), nib.load(item["label"]).get_fdata() > 0
    mask, probability = (nib.load(tmp_path / "eval" / "a" / f"a_{name}.nii.gz") for name in ("seg", "prob"))
    for image in (mask, probability):
        assert image.shape == scan.shape
        np.testing.assert_array_equal(image.affine, scan.affine)
        assert image.get_data_dtype() == np.uint8
    found = mask.get_fdata() > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.85
    # The file of the probability, thresholded at the threshold in the table, is the mask before cleaning.
    row = table(tmp_path / "eval" / "summary.csv")["a"]
    again = probability.get_fdata() >= float(row["threshold"])
    assert (again != found).mean() < 2e-3
    assert float(row["volume_mm3"]) == pytest.approx(found.sum() * abs(np.linalg.det(scan.affine)), rel=1e-3)
    assert (row["status"], row["components"]) == ("ok", "2")


def test_every_case_gets_its_files(tmp_path, weights):
    for name in ("1", "2"):
        tube_case(tmp_path / "data", name)
    workflow(tmp_path / "data", tmp_path / "eval", weights).run()
    suffixes = ("seg.nii.gz", "prob.nii.gz", "mesh.stl", "mesh.ply", "mesh.vtp", "points.ply")
    suffixes += ("centerline.vtp", "branches.csv", "stenoses.csv", "scene.mrml")
    for case in ("1", "2"):
        found = {path.name for path in (tmp_path / "eval" / case).iterdir()}
        assert found == {f"{case}_{suffix}" for suffix in suffixes} | {f"{case}.json", f"{case}.html"}
    assert list(table(tmp_path / "eval" / "summary.csv")) == ["1", "2"]


def test_what_the_geometry_doubts_stands_in_the_summary_too(tmp_path, weights, capsys):
    item = tube_case(tmp_path / "data", "a")
    keys = {"geometry#volume_mesh": True, "geometry#solver": True, "geometry#min_part_mm3": 0.0}
    reports, rows = [], []
    for again in range(2):  # the second run keeps the case
        workflow(item["image"], tmp_path / "eval", weights, **keys).run()
        reports.append(json.loads((tmp_path / "eval" / "a" / "a.json").read_text()))
        rows.append(table(tmp_path / "eval" / "summary.csv")["a"])
        assert rows[again]["warnings"] == "; ".join(reports[again]["warnings"])
    own = set(reports[0]["warnings"]) - set(reports[0]["scan"]["warnings"])
    assert own and rows[1]["kept"] == "yes"
    assert all(sentence in capsys.readouterr().out for sentence in list(own)[:1])


def test_the_same_scan_gives_the_same_files(tmp_path, weights):
    item = tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    for out in ("one", "two"):
        workflow(item["image"], tmp_path / out, weights, spatial_size=[24, 24, 16]).run()
    for name in ("a_seg.nii.gz", "a_prob.nii.gz", "a_mesh.stl", "a_mesh.vtp", "a_points.ply"):
        assert (tmp_path / "one" / "a" / name).read_bytes() == (tmp_path / "two" / "a" / name).read_bytes()


def test_nothing_found_is_reported_and_is_no_fault(tmp_path):
    item = tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    save_weights(ContrastNetwork(level=5.0), tmp_path / "blind.pt")
    workflow(item["image"], tmp_path / "eval", tmp_path / "blind.pt", spatial_size=[24, 24, 16]).run()
    row = table(tmp_path / "eval" / "summary.csv")["a"]
    assert (row["status"], row["volume_mm3"], row["components"]) == ("empty", "0", "0")
    assert nib.load(tmp_path / "eval" / "a" / "a_seg.nii.gz").get_fdata().sum() == 0
    assert json.loads((tmp_path / "eval" / "a" / "a.json").read_text())["empty"] is True
    assert not list((tmp_path / "eval" / "a").glob("*mesh*"))


def test_the_probability_can_go_back_to_the_scans_grid_instead_of_the_logit(tmp_path, weights):
    """Halving the resolution inside, the logit along a spline keeps more of the tubes."""
    item = tube_case(tmp_path / "data", "a")
    swapped = {
        "postprocessing#transforms#0": "@activation",
        "postprocessing#transforms#2": "@inverse",
        "inverse_mode": "spline",
    }
    truth = nib.load(item["label"]).get_fdata() > 0
    dice = {}
    for name, override in (("logit", {"inverse_mode": "spline"}), ("probability", swapped)):
        workflow(item["image"], tmp_path / name, weights, spatial_size=[16, 16, 16], **override).run()
        found = nib.load(tmp_path / name / "a" / "a_seg.nii.gz").get_fdata() > 0
        dice[name] = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    assert dice["logit"] > dice["probability"] > 0.5


def test_broken_cases_are_listed_and_the_others_finish(tmp_path, weights):
    """As a person runs it: exit code 1, one sentence, no traceback."""
    tube_case(tmp_path / "data", "good", shape=(24, 24, 16))
    (tmp_path / "data" / "bad.img.nii.gz").write_bytes(b"not an image")
    command = [
        sys.executable,
        "-m",
        "monai.bundle",
        "run",
        "inference",
        "--config_file",
        "configs/inference.yaml",
    ]
    options = {
        "dataset_dir": tmp_path / "data",
        "output_dir": tmp_path / "eval",
        "ckpt_path": weights,
        "network_def": json.dumps(CONTRAST),
        "spatial_size": "[24,24,16]",
        "geometry#pictures": "False",
    }
    for key, value in options.items():
        command += [f"--{key}", str(value)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: 1 of 2 cases failed, first 'bad'")
    rows = table(tmp_path / "eval" / "summary.csv")
    assert (rows["good"]["status"], rows["bad"]["status"]) == ("ok", "failed")
    assert "bad.img.nii.gz" in rows["bad"]["reason"]
    assert (tmp_path / "eval" / "good" / "good_mesh.stl").exists()
    assert not (tmp_path / "eval" / "bad").exists()


def test_a_case_that_cannot_be_saved_is_listed_and_the_others_finish(tmp_path, weights):
    for name in ("1", "2", "3", "4"):
        tube_case(tmp_path / "data", name, shape=(24, 24, 16))
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "2").write_text("a file where the folder should be")
    run = workflow(tmp_path / "data", tmp_path / "eval", weights, spatial_size=[24, 24, 16])
    with pytest.raises(RuntimeError) as caught:
        run.run()
    assert "1 of 4 cases failed, first '2'" in str(find_input_error(caught.value))
    rows = table(tmp_path / "eval" / "summary.csv")
    assert {name: row["status"] for name, row in rows.items()} == {
        "1": "ok", "2": "failed", "3": "ok", "4": "ok"
    }  # fmt: skip
    assert (tmp_path / "eval" / "4" / "4_mesh.stl").exists()


def test_only_broken_cases_still_end_in_the_sentence(tmp_path, weights):
    (tmp_path / "bad.nii.gz").write_bytes(b"")
    run = workflow(tmp_path / "bad.nii.gz", tmp_path / "eval", weights)
    with pytest.raises(RuntimeError) as caught:
        run.run()
    assert "1 of 1 case failed" in str(find_input_error(caught.value))
    assert table(tmp_path / "eval" / "summary.csv")["bad"]["status"] == "failed"


def test_weights_of_another_architecture_are_refused_in_a_sentence(tmp_path):
    item = tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    save_weights(ResUNet3D(channels=(4, 8)), tmp_path / "small.pt")
    with pytest.raises(RuntimeError) as caught:
        workflow(
            item["image"], tmp_path / "eval", tmp_path / "small.pt", network_def={"_target_": "UNet", **UNET}
        )
    assert isinstance(find_input_error(caught.value), InputError)
    assert not (tmp_path / "eval").exists()


UNET = {"spatial_dims": 3, "in_channels": 1, "out_channels": 1, "channels": [4, 8], "strides": [2]}


def test_the_config_has_the_properties_that_other_tools_look_for(tmp_path, weights):
    tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    run = workflow(tmp_path / "data", tmp_path / "eval", weights)
    assert run.check_properties() == []


def test_device_and_amp_as_a_command_line_gives_them(tmp_path, weights):
    tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    run = workflow(tmp_path / "data", tmp_path / "eval", weights, device="cpu", amp="false")
    evaluator = run.parser.get_parsed_content("evaluator")
    assert evaluator.amp is False and evaluator.state.device == torch.device("cpu")


@pytest.mark.parametrize("has_units", [True, False])
def test_on_a_cpu_it_is_bfloat16_where_the_processor_has_units_for_it(
    tmp_path, weights, monkeypatch, has_units
):
    monkeypatch.setattr("bundle.networks.is_quick_in_half", lambda device: has_units)
    tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    run = workflow(tmp_path / "data", tmp_path / "eval", weights, device="$torch.device('cpu')")
    assert run.parser.get_parsed_content("inferer").amp is has_units
    assert run.parser.get_parsed_content("evaluator").amp is False  # which is CUDA's
    assert run.parser.get_parsed_content("device") == torch.device("cpu")
