"""What monai.bundle and the tools around it ask of a bundle."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow, ckpt_export, verify_metadata, verify_net_in_out
from monai.data import load_net_with_metadata
from small_run import ROOT, workflow

from bundle.networks.resunet3d import ResUNet3D
from bundle.networks.weights import load_weights, save_weights

CONFIGS = ROOT / "configs"
METADATA = CONFIGS / "metadata.json"
SCHEMA = ROOT.parent / "shared" / "reference" / "meta_schema_20240725.json"
TRAIN = str(CONFIGS / "train.yaml")


def test_metadata_follows_the_published_schema(tmp_path):
    if not SCHEMA.is_file():
        pytest.skip(f"{SCHEMA.name} is not beside the bundle, and tests download nothing")
    schema = shutil.copy(SCHEMA, tmp_path)
    assert json.loads(METADATA.read_text())["schema"].endswith(Path(schema).name)
    verify_metadata(meta_file=str(METADATA), filepath=schema)


def test_metadata_states_the_versions_that_are_pinned():
    constraints = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").split()
    metadata = json.loads(METADATA.read_text())
    stated = {"torch": metadata["pytorch_version"], "monai": metadata["monai_version"]}
    stated |= {"numpy": metadata["numpy_version"], **metadata["required_packages_version"]}
    assert {f"{name.lower()}=={version}" for name, version in stated.items()} <= set(constraints)


def test_labels_are_what_monai_label_shows():
    # MONAI Label takes the names of outputs.pred.channel_def, but for the background.
    outputs = json.loads(METADATA.read_text())["network_data_format"]["outputs"]
    assert set(outputs) == {"pred"}
    assert outputs["pred"]["channel_def"] == {"0": "background", "1": "coronary_artery"}


@pytest.mark.parametrize("config", ["train.yaml", "inference.yaml", "evaluate.yaml"])
def test_the_network_takes_and_gives_what_metadata_says(config):
    small = {"channels": [4, 8, 16, 32]}
    keys = {"meta_file": str(METADATA), "config_file": str(CONFIGS / config), "device": "cpu", **small}
    verify_net_in_out(net_id="network_def", **keys)


def test_a_checkpoint_is_exported_as_torchscript(tmp_path):
    channels = [4, 8, 16, 32]
    network = ResUNet3D(channels=channels).eval()
    save_weights(network, tmp_path / "model.pt")
    ckpt_export(
        net_id="network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(tmp_path / "model.pt"),
        meta_file=str(METADATA),
        config_file=TRAIN,
        channels=channels,
        device="cpu",
    )
    exported, metadata, _ = load_net_with_metadata(str(tmp_path / "model.ts"))
    volume = torch.rand(1, 1, 16, 16, 16)
    torch.testing.assert_close(exported(volume), network(volume), rtol=1e-4, atol=1e-5)
    assert metadata["network_data_format"]["outputs"]["pred"]["channel_def"]["1"] == "coronary_artery"


def test_training_has_every_property_that_tools_look_for(imagecas_dir, tmp_path):
    config = workflow(dataset_dir=imagecas_dir, output_dir=tmp_path / "run")
    assert config.check_properties() == []
    assert config.max_epochs == 200 and config.val_interval == 1
    assert len(config.train_dataset_data) == 3 and len(config.val_dataset_data) == 1
    assert config.channel_def["1"] == "coronary_artery"


@pytest.mark.parametrize("config", ["inference.yaml", "evaluate.yaml"])
def test_inference_has_every_property_that_tools_look_for(config, imagecas_dir, tmp_path):
    save_weights(ResUNet3D(channels=(4, 8, 16, 32)), tmp_path / "model.pt")
    keys = {"dataset_dir": str(imagecas_dir), "output_dir": str(tmp_path / "eval"), "bundle_root": str(ROOT)}
    config = ConfigWorkflow(
        config_file=str(CONFIGS / config),
        meta_file=str(METADATA),
        logging_file=str(CONFIGS / "logging.conf"),
        workflow_type="infer",
        **keys,
        **{"channels": [4, 8, 16, 32], "ckpt_path": str(tmp_path / "model.pt")},
    )
    config.initialize()
    assert config.check_properties() == []


@pytest.mark.parametrize(
    ("config", "run_id"),
    [("train.yaml", "training"), ("inference.yaml", "inference"), ("evaluate.yaml", "evaluating")],
)
def test_run_ids_are_those_that_people_type(config, run_id):
    parser = load_config(config)
    assert run_id in parser and "run" in parser and "initialize" in parser


def load_config(name):


    return ConfigParser.load_config_file(CONFIGS / name)


def test_entries_of_handlers_are_dictionaries():
    # MONAI Label asks each one for its _target_ when it adds its own loader of weights.
    assert all("_target_" in handler for handler in load_config("train.yaml")["train"]["handlers"])


def test_monai_label_can_train(imagecas_dir, tmp_path):
    """The overrides that MONAI Label 0.8.5 makes, without the server."""
    save_weights(ResUNet3D(channels=(4, 8, 16, 32)), tmp_path / "model.pt")
    names = [str(imagecas_dir / "1-200" / name) for name in ("1", "2", "4")]
    cases = [{"image": f"{name}.img.nii.gz", "label": f"{name}.label.nii.gz"} for name in names]
    loader = {
        "_target_": "CheckpointLoader",
        "load_path": str(tmp_path / "model.pt"),
        "load_dict": {"model": "$@network"},
        "strict": False,
    }
    keys = {
        "train#trainer#max_epochs": 1,
        "train#dataset#data": cases[:2],
        "validate#dataset#data": cases[2:],
        "train#handlers": [loader, *load_config("train.yaml")["train"]["handlers"]],
        "device": torch.device("cpu"),
        "output_dir": tmp_path / "run",
    }
    workflow(**keys).run()
    load_weights(ResUNet3D(channels=(4, 8, 16, 32)), tmp_path / "run" / "model.pt")


def test_keys_that_docstrings_and_pages_name_are_there():
    """Such as ``train#random_transforms``: a key that was renamed lives on in prose."""
    keys = {}
    for name in ("train", "inference", "evaluate", "modes/phantom_pool"):
        keys |= ConfigParser.load_config_file(CONFIGS / f"{name}.yaml")
    known = {key.split("#")[0] for key in keys}
    files = [CONFIGS / "inference.yaml", CONFIGS / "train.yaml"]
    parser = ConfigParser(ConfigParser.load_config_files(files))
    texts = [*(ROOT / "bundle").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    for path in texts:
        for key in re.findall(r"\b((?:train|validate|geometry|cases)#\w+)", path.read_text()):
            top = key.split("#")[0]
            is_option = top in ("geometry", "cases")  # their arguments are those of what they make
            assert top in known and (is_option or key in parser), f"{path.relative_to(ROOT)} names {key}"
