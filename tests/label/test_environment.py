"""What MONAI Label's environment and app are made of; needs neither."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from packaging.requirements import Requirement
from PIL import Image

from bundle.label.app_folder import MODEL, NATIVE, make_app

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "bundle" / "label" / "without_torchvision" / "torchvision" / "utils.py"


def pins(name):
    """Versions that a list pins for Python 3.11."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    needs = [need for need in map(Requirement, lines) if not need.marker or need.marker.evaluate(PYTHON)]
    return {re.sub(r"[-_.]+", "-", need.name).lower(): str(need.specifier) for need in needs}


PYTHON = {"python_version": "3.11"}


def test_both_environments_compute_with_the_same_versions():
    """Except NumPy, of which MONAI Label's DICOM packages need the old one; else masks could differ."""
    own, label = pins("constraints.txt"), pins("constraints-label.txt")
    metadata = ["torch", "monai", "nibabel", "itk", "scipy", "scikit-image", "pyvista", "vtk"]
    for name in [*metadata, "pytorch-ignite", "connected-components-3d", "tensorboard", "fire", "openpyxl"]:
        assert label[name] == own[name], name
    assert label["monailabel"] == "==0.8.5" and label["numpy"].startswith("==1.")
    assert not {"torchvision", "sam2"} & set(label)


@pytest.fixture
def prefix(tmp_path):
    """An environment that holds nothing but MONAI Label's app."""
    source = tmp_path / "env" / "monailabel" / "sample-apps" / "monaibundle"
    source.mkdir(parents=True)
    (source / "main.py").write_text("app")
    return tmp_path / "env"


@pytest.fixture
def bundle_root(tmp_path):
    root = tmp_path / "bundle_root"
    files = ["bundle/label/main.py", "bundle/code.py", "configs/train.yaml", "configs/metadata.json"]
    for name in [*files, "models/model.pt", "models/native_checkpoint.pt"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "configs" / "modes").mkdir()
    (root / "configs" / "inference.yaml").write_text("ckpt_path: here\ninferer: {_target_: A, old: 1}\n")
    (root / "configs" / "modes" / "native.yaml").write_text(
        "inferer: {_target_: B}\ncoarse_ckpt_path: there\n"
    )
    return root


def test_the_app_follows_the_bundle_and_keeps_its_own_weights(tmp_path, prefix, bundle_root):
    model = make_app(tmp_path / "app", bundle_root, prefix)
    assert model == tmp_path / "app" / "model" / MODEL
    (model / "models" / "model.pt").write_text("trained")
    (bundle_root / "bundle" / "code.py").write_text("newer")
    (bundle_root / "configs" / "train.yaml").unlink()
    (bundle_root / "configs" / "other.yaml").write_text("added")
    make_app(tmp_path / "app", bundle_root, prefix)
    assert (model / "models" / "model.pt").read_text() == "trained"
    assert (bundle_root / "models" / "model.pt").read_text() == "models/model.pt"
    assert (model / "bundle" / "code.py").read_text() == "newer"
    names = {"other.yaml", "metadata.json", "inference.yaml", "modes"}
    assert {file.name for file in (model / "configs").iterdir()} == names
    assert (tmp_path / "app" / "main.py").read_text() == "bundle/label/main.py"
    assert (tmp_path / "app" / "monaibundle.py").read_text() == "app"


def test_the_native_network_is_a_model_of_its_own_that_is_not_trained(tmp_path, prefix, bundle_root):
    for _ in range(2):  # a second start finds the first one's app
        model = make_app(tmp_path / "app", bundle_root, prefix)
    native = tmp_path / "app" / "model" / NATIVE
    config = ConfigParser.load_config_file(native / "configs" / "inference.yaml")
    assert config["inferer"] == {"_target_": "B"}
    for key, file in (("ckpt_path", "native_checkpoint.pt"), ("coarse_ckpt_path", "model.pt")):
        name = config[key].removeprefix("$@bundle_root + '/").rstrip("'")
        assert (native / name).read_text() == f"models/{file}"
    assert not list((native / "configs").glob("train*"))
    (native / "eval" / "case").mkdir()
    assert (model / "eval" / "case").is_dir()  # where the server looks for meshes


def test_a_config_that_monai_label_writes_stays_out_of_the_bundle(tmp_path, prefix, bundle_root):
    model = make_app(tmp_path / "app", bundle_root, prefix)
    (model / "configs" / "monailabel_train.json").write_text("{}")
    assert not (bundle_root / "configs" / "monailabel_train.json").exists()


@pytest.fixture
def torchvision_utils():
    spec = importlib.util.spec_from_file_location("torchvision_utils", UTILS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_grid_holds_every_image_with_a_border(torchvision_utils):
    images = torch.arange(1.0, 6.0).reshape(5, 1, 1, 1).expand(5, 3, 4, 6)
    grid = torchvision_utils.make_grid(images, nrow=2, padding=1)
    assert grid.shape == (3, 3 * 5 + 1, 2 * 7 + 1)
    assert grid[0, 1:5, 8:14].unique().tolist() == [2.0] and grid[0, 11:15, 1:7].unique().tolist() == [5.0]
    assert grid.sum() == images.sum()


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_saved_with_its_values(torchvision_utils, tmp_path, channels):
    image = torch.linspace(0, 1, 12).reshape(1, 3, 4).repeat(channels, 1, 1)
    torchvision_utils.save_image(image, tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png")).reshape(3, 4, channels)
    np.testing.assert_allclose(pixels[..., 0] / 255, image[0], atol=0.5 / 255)
