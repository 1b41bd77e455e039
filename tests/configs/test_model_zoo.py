"""Model Zoo's own checks, as its CI runs them, on this bundle as it lies in a zoo."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from monai.bundle import ConfigWorkflow, load
from small_run import ROOT, SMALL

from bundle.networks.resunet3d import ResUNet3D
from bundle.networks.weights import load_weights

REFERENCE = ROOT.parent / "shared" / "reference"
NAME = "coronary_ct_segmentation"
pytestmark = pytest.mark.skipif(
    not (REFERENCE / "model_zoo" / "ci").is_dir(), reason="no shared/reference/model_zoo beside the bundle"
)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A zoo with this bundle in it, and the working folder is the zoo's."""
    root = tmp_path_factory.mktemp("zoo")
    shutil.copytree(REFERENCE / "model_zoo" / "ci", root / "ci", copy_function=shutil.copyfile)
    own = root / "models" / NAME
    for name in ("bundle", "configs", "models", "docs"):
        shutil.copytree(ROOT / name, own / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "LICENSE", own)
    (own / "eval").mkdir()
    shutil.copyfile(REFERENCE / "meta_schema_20240725.json", own / "eval" / "schema.json")
    (root / "models" / "model_info.json").write_text("{}")
    return root


def environment(zoo) -> dict[str, str]:
    own = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(zoo / "models" / NAME)}
    return os.environ | own


def test_verify_bundle(zoo):
    command = [sys.executable, "ci/verify_bundle.py", "-b", NAME, "-p", "models", "-m", "full"]
    done = subprocess.run(command, cwd=zoo, env=environment(zoo), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for step in ("version and changelog are", "metadata format is", "properties are", "data shape is"):
        assert f"{step} verified correctly" in done.stdout
    assert "export weights into TorchScript module successfully" in done.stdout


def test_its_requirements_can_be_had_for_the_python_of_its_ci(zoo):
    """Model Zoo's CI has Python 3.10: what the metadata pins must exist for it (see constraints.txt)."""
    metadata = json.loads((ROOT / "configs" / "metadata.json").read_text())
    pinned = {"torch": metadata["pytorch_version"], "numpy": metadata["numpy_version"]}
    pinned |= metadata["required_packages_version"]
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        requirement, _, marker = line.partition(";")
        name, _, version = requirement.strip().partition("==")
        if name in pinned and ">= \"3.11\"" in marker:
            assert pinned[name] != version, f"{name} {version} needs Python 3.11"


def zoo_utils(zoo):
    spec = importlib.util.spec_from_file_location("zoo_utils", zoo / "ci" / "unit_tests" / "utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONFIGS = [["train"], ["train", "evaluate"], ["evaluate"], ["inference"]]


@pytest.mark.parametrize("configs", CONFIGS, ids="+".join)
def test_check_workflow(zoo, configs, imagecas_dir, tmp_path, monkeypatch):
    """Its unit test of a bundle: initialise, check the properties, run, finalise."""
    monkeypatch.chdir(zoo)
    root = f"models/{NAME}"
    small = {"spatial_size": SMALL["spatial_size"], "device": "cpu", "dataset_dir": str(imagecas_dir)}
    if configs == ["train"]:
        small |= SMALL | {"max_epochs": 1}
    workflow = ConfigWorkflow(
        workflow_type="train" if "train" in configs else "infer",
        config_file=[f"{root}/configs/{name}.yaml" for name in configs],
        logging_file=f"{root}/configs/logging.conf",
        meta_file=f"{root}/configs/metadata.json",
        bundle_root=root,
        output_dir=str(tmp_path / "out"),
        run_id="run",
        **small,
    )
    zoo_utils(zoo).check_workflow(workflow, check_properties=True)
    made = {"train": "curves.csv", "evaluate": "metrics.csv", "inference": "summary.csv"}
    assert (tmp_path / "out" / made[configs[-1]]).is_file()


def test_weights_are_loaded_by_the_bundle_api(zoo):
    """`monai.bundle.load` with a network of one's own, which takes a bare state_dict."""
    network = ResUNet3D()
    where = {"bundle_dir": str(zoo / "models"), "source": "monaihosting", "device": "cpu"}
    loaded = load(name=NAME, model=network, **where)
    shipped = load_weights(ResUNet3D(), ROOT / "models" / "model.pt").state_dict()
    assert all(torch.equal(tensor, shipped[name]) for name, tensor in loaded.state_dict().items())
