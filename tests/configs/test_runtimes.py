"""configs/modes/openvino.yaml and onnx.yaml over inference, native mode and evaluation."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest
from evaluation_run import CONFIG as EVALUATE
from evaluation_run import evaluate
from inference_run import CONFIG, CONTRAST, ROOT, workflow
from tube_cases import tube_case

from bundle.common.errors import find_input_error
from bundle.networks import ENGINES, runtime_of

MODES = ROOT / "configs" / "modes"
NATIVE = {"spacing_mm": 0.9, "inferer#roi_size": [16, 16, 16], "network_def": CONTRAST, "amp": False}
NATIVE |= {"coarse_look#network#network": CONTRAST, "inferer#everywhere": "false"}


@pytest.fixture(params=["openvino", "onnx"])
def runtime(request):
    missing = ENGINES[request.param].missing()
    if missing:
        pytest.skip(f"{' and '.join(missing)} cannot be found")
    return request.param


@pytest.mark.parametrize("native", [False, True], ids=["default", "native"])
def test_the_mask_is_that_of_pytorch(tmp_path, weights, runtime, native):
    item = tube_case(tmp_path / "data", "a", affine=np.diag([-1.0, -1.0, 1.5, 1.0]))
    configs = [str(CONFIG), *([str(MODES / "native.yaml")] if native else [])]
    options = NATIVE | {"coarse_ckpt_path": str(weights)} if native else {}
    masks, made_by = [], []
    for name, added in (("torch", {"runtime": "torch"}), (runtime, {})):
        out = tmp_path / name
        overlay = [] if name == "torch" else [str(MODES / f"{runtime}.yaml")]
        workflow(item["image"], out, weights, config=[*configs, *overlay], **options, **added).run()
        masks.append(nib.load(out / "a" / "a_seg.nii.gz").get_fdata() > 0)
        report = json.loads((out / "a" / "a.json").read_text())
        made_by.append((report["provenance"]["runtime"].split()[0], report["record"]["runtime"]))
    assert masks[0].sum() > 100 and (masks[0] != masks[1]).sum() <= 1e-3 * masks[0].sum()
    assert made_by == [("torch", "torch"), (ENGINES[runtime].title.split()[0], runtime)]


def test_where_openvino_answers_otherwise_pytorch_runs_and_the_case_says_so(tmp_path, weights, monkeypatch):
    """With runtime auto, which is what a config has."""
    zeros = ENGINES["openvino"]._replace(packages=("numpy",), load=lambda *_: np.zeros_like)
    monkeypatch.setitem(ENGINES, "openvino", zeros)
    monkeypatch.setattr("bundle.networks.compiled.as_onnx", lambda *_: b"")
    item = tube_case(tmp_path / "data", "a")
    keys = {"runtime": "auto", "device": "cpu", "geometry#pictures": False}
    workflow(item["image"], tmp_path / "eval", weights, **keys).run()
    report = json.loads((tmp_path / "eval" / "a" / "a.json").read_text())
    assert report["provenance"]["runtime"].startswith("torch ")
    (said,) = [line for line in report["warnings"] if "another mask than PyTorch" in line]
    assert said.startswith("OpenVINO gives") and said.endswith("PyTorch runs the network, more slowly")
    assert (nib.load(tmp_path / "eval" / "a" / "a_seg.nii.gz").get_fdata() > 0).sum() > 100


@pytest.mark.slow
def test_it_lies_over_the_evaluation(imagecas_dir, tmp_path, weights, runtime):
    configs = [str(EVALUATE), str(MODES / f"{runtime}.yaml")]
    rows = evaluate(imagecas_dir, tmp_path / "eval", weights, configs, write_geometry=True)
    assert all(float(row["dice"]) > 0.85 for row in rows.values()) and len(rows) == 2
    (first, *_) = (tmp_path / "eval").glob("*/*.json")
    made_by = json.loads(first.read_text())["provenance"]["runtime"]
    assert made_by.startswith(ENGINES[runtime].title)


def test_a_case_is_made_again_by_another_runtime(tmp_path, weights, runtime):
    tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    kept = []
    for name in ("torch", runtime, runtime):
        run = workflow(tmp_path / "data", tmp_path / "eval", weights, spatial_size=[24, 24, 16], runtime=name)
        run.run()
        with open(tmp_path / "eval" / "summary.csv", newline="") as file:
            kept += [row["kept"] for row in csv.DictReader(file)]
    assert kept == ["", "", "yes"]


def test_a_runtime_that_is_not_installed_is_a_sentence(tmp_path, weights, monkeypatch):
    monkeypatch.setitem(ENGINES, "openvino", ENGINES["openvino"]._replace(packages=("no_such_package",)))
    item = tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    with pytest.raises(RuntimeError) as caught:
        workflow(item["image"], tmp_path / "eval", weights, [str(CONFIG), str(MODES / "openvino.yaml")])
    assert "pip install no_such_package" in str(find_input_error(caught.value))
    assert not (tmp_path / "eval").exists()


def test_dropout_is_sampled_in_pytorch_whatever_is_installed(tmp_path, weights, monkeypatch):
    monkeypatch.setitem(ENGINES, "openvino", ENGINES["openvino"]._replace(packages=("numpy",)))
    item = tube_case(tmp_path / "data", "a", shape=(24, 24, 16))
    made = []
    for overlays in ([], ["mc_dropout.yaml"]):
        configs = [str(CONFIG), *(str(MODES / name) for name in overlays)]
        run = workflow(item["image"], tmp_path / "eval", weights, configs, device="cpu")
        made.append(runtime_of(run.parser.get_parsed_content("network")))
    assert made == ["openvino", "torch"]
