"""configs/modes/native.yaml over inference and evaluation, with a network that sees contrast untrained."""

import json

import nibabel as nib
import numpy as np
from evaluation_run import CONFIG as EVALUATE
from evaluation_run import evaluate
from inference_run import CONFIG, CONTRAST, ROOT, workflow
from monai.bundle import ConfigParser
from tube_cases import tube_case

from bundle.networks import ResUNet3D, load_weights

NATIVE = ROOT / "configs" / "modes" / "native.yaml"
SMALL = {"spacing_mm": 0.9, "inferer#roi_size": [32, 32, 32], "amp": False}


def coarse(weights):
    """Keys of the config for a first look that sees contrast too."""
    return {"coarse_look#network": CONTRAST, "coarse_ckpt_path": str(weights), "inferer#everywhere": "false"}


def test_the_mask_is_the_tubes_on_the_scans_own_grid(tmp_path, weights):
    affine = np.diag([-1.0, -1.0, 1.5, 1.0])  # L, P, S
    item = tube_case(tmp_path / "data", "a", affine=affine)
    small = SMALL | {"network_def": CONTRAST, "inferer#roi_size": [16, 16, 16]} | coarse(weights)
    configs = [str(CONFIG), str(NATIVE)]
    run = workflow(item["image"], tmp_path / "eval", weights, config=configs, **small)
    run.run()
    image = run.parser.get_parsed_content("dataset")[0]["image"]
    assert tuple(image.shape[1:]) == (53, 53, 53)
    mask, truth = nib.load(tmp_path / "eval" / "a" / "a_seg.nii.gz"), nib.load(item["label"])
    np.testing.assert_array_equal(mask.affine, affine)
    found, true = mask.get_fdata() > 0, truth.get_fdata() > 0
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.85
    scan = json.loads((tmp_path / "eval" / "a" / "a.json").read_text())["scan"]
    assert 0 < scan["windows"] < scan["windows_in_all"]


def test_three_looks_begin_at_the_scan_itself(tmp_path, weights):
    """As on a GPU: the volume stays on the scan's grid, and every look has voxels of its own size."""
    item = tube_case(tmp_path / "data", "a", affine=np.diag([-1.0, -1.0, 1.5, 1.0]))
    keys = {"spacing_mm": "$None", "looks_mm": [0.8, 1.0, 1.3], "network_def": CONTRAST, "amp": False}
    keys |= {"inferer#roi_size": [32, 32, 32]} | coarse(weights)
    run = workflow(item["image"], tmp_path / "eval", weights, config=[str(CONFIG), str(NATIVE)], **keys)
    run.run()
    image = run.parser.get_parsed_content("dataset")[0]["image"]
    assert tuple(image.shape[1:]) == (48, 48, 32)
    mask, truth = nib.load(tmp_path / "eval" / "a" / "a_seg.nii.gz"), nib.load(item["label"])
    found, true = mask.get_fdata() > 0, truth.get_fdata() > 0
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.85


def test_a_gpu_gets_three_looks_and_a_cpu_one():
    config = ConfigParser(ConfigParser.load_config_files([str(CONFIG), str(NATIVE)]))
    looks = {}
    for device in ("cpu", "cuda"):
        config["device"] = device
        looks[device] = [config.get_parsed_content(key) for key in ("spacing_mm", "looks_mm")]
    assert looks == {"cpu": [0.5, None], "cuda": [None, [0.42, 0.5, 0.6]]}
    config["spacing_mm"] = 0.6
    assert config.get_parsed_content("looks_mm") is None


def test_it_lies_over_the_evaluation(imagecas_dir, tmp_path, weights):
    modes = [str(EVALUATE), str(NATIVE)]
    rows = evaluate(imagecas_dir, tmp_path / "eval", weights, modes, **SMALL, **coarse(weights))
    assert all(float(row["dice"]) > 0.85 for row in rows.values()) and len(rows) == 2


def test_the_shipped_native_weights_fit_the_network_of_the_config():
    config = ConfigParser.load_config_file(ROOT / "configs" / "modes" / "native.yaml")
    weights = ROOT / "models" / "native_checkpoint.pt"
    load_weights(ResUNet3D(out_channels=config["out_channels"], channels=config["channels"]), weights)
    assert weights.stat().st_size <= 25e6
    training = ConfigParser.load_config_file(ROOT / "configs" / "modes" / "native_train.yaml")
    assert training["channels"] == config["channels"]
    assert training["crop"] == config["inferer"]["roi_size"]  # instance norm: a window as in training
