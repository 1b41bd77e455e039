"""What other tools set on a workflow through MONAI's properties, and what comes of it."""

from __future__ import annotations

import csv

import pytest
from evaluation_run import CONFIG as EVALUATE
from inference_run import CONFIG as INFERENCE
from inference_run import CONTRAST, ROOT
from monai.bundle import ConfigWorkflow
from monai.data import CacheDataset, Dataset
from small_run import workflow as training
from tube_cases import tube_case

from bundle.handlers.training.dashboard.curves import read_curves


def prepared(config, kind, data, out, weights, **override) -> ConfigWorkflow:
    keys = {
        "network_def": CONTRAST,
        "spatial_size": [48, 48, 32],
        "geometry#pictures": False,
        "device": "cpu",
    }
    keys |= {"bundle_root": str(ROOT), "dataset_dir": str(data), "output_dir": str(out)}
    return ConfigWorkflow(
        str(config), workflow_type=kind, logging_file=False, ckpt_path=str(weights), **keys | override
    )


def names(path) -> list[str]:
    with open(path, newline="") as file:
        return [row["case"] for row in csv.DictReader(file)]


@pytest.fixture
def scans(tmp_path):
    return [tube_case(tmp_path / "data", name, shape=(32, 32, 16)) for name in ("a", "b")]


def test_images_as_a_plain_list(scans, tmp_path, weights):
    """As MONAI Label and federated clients give them: without names."""
    run = prepared(INFERENCE, "infer", tmp_path / "data", tmp_path / "eval", weights)
    run.dataset_data = [{"image": scans[1]["image"]}]
    run.initialize()
    run.run()
    assert names(tmp_path / "eval" / "summary.csv") == ["b"]


def test_a_data_set_of_ones_own(scans, tmp_path, weights):
    run = prepared(INFERENCE, "infer", tmp_path / "data", tmp_path / "eval", weights)
    run.initialize()
    steps = run.preprocessing
    run.preprocessing = steps  # the way back is that of the same object
    run.dataset = Dataset([{"image": item["image"]} for item in scans], steps)
    run.initialize()
    run.run()
    assert names(tmp_path / "eval" / "summary.csv") == ["a", "b"]


def test_validation_cases_as_a_data_set(imagecas_dir, tmp_path):
    run = training(dataset_dir=imagecas_dir, output_dir=tmp_path / "run", max_epochs=1)
    own = CacheDataset(run.train_dataset_data[:2], run.val_preprocessing, progress=False)
    run.val_dataset = own
    run.initialize()
    run.run()
    assert run.evaluator.data_loader.dataset is own
    assert read_curves(tmp_path / "run" / "curves.csv")[0]["val_mean_dice"] is not None


@pytest.mark.parametrize(
    ("config", "kind"), [(INFERENCE, "infer"), (EVALUATE, "infer")], ids=["inference", "evaluate"]
)
def test_without_handlers_the_network_still_runs(config, kind, imagecas_dir, tmp_path, weights):
    run = prepared(config, kind, imagecas_dir, tmp_path / "eval", weights)
    run.handlers = []
    run.initialize()
    run.run()
    assert run.evaluator.state.iteration == (6 if kind == "infer" and config == INFERENCE else 2)


def test_a_key_metric_is_computed(imagecas_dir, tmp_path, weights):
    run = prepared(EVALUATE, "infer", imagecas_dir, tmp_path / "eval", weights, write_geometry=False)
    run.key_metric = {
        "own_dice": {
            "_target_": "MeanDice",
            "output_transform": "$monai.handlers.from_engine(['pred', 'label'])",
        }
    }
    run.initialize()
    run.run()
    assert 0.8 < run.evaluator.state.metrics["own_dice"] <= 1


def test_a_key_metric_of_the_training_is_computed(imagecas_dir, tmp_path):
    run = training(dataset_dir=imagecas_dir, output_dir=tmp_path / "run", max_epochs=1)
    run.train_key_metric = {
        "train_dice": {
            "_target_": "MeanDice",
            "output_transform": "$lambda out: (out['pred'] > 0, out['label'] > 0.5)",
        }
    }
    run.initialize()
    run.run()
    assert 0 <= run.trainer.state.metrics["train_dice"] <= 1
