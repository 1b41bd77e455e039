"""`--tracking mlflow` keeps what training, evaluation and inference report, beside the results."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from contrast_network import ContrastNetwork
from small_run import ROOT, SMALL, environment

from bundle.handlers.training.dashboard.curves import read_curves
from bundle.networks.weights import save_weights

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed; pip install -e '.[mlflow]'")
CONTRAST = "{'_target_': 'tests.helpers.contrast_network.ContrastNetwork'}"


def tracked(root, kind, config, **keys):
    """Run ``kind`` with tracking, in ``root`` as the bundle's root, and return the one run that it left."""
    pairs = [f"--{key}={value}" for key, value in ({"bundle_root": root} | keys).items()]
    command = [sys.executable, "-m", "monai.bundle", "run", kind, "--tracking", "mlflow"]
    done = subprocess.run(
        [*command, "--config_file", f"{ROOT}/configs/{config}.yaml", *pairs],
        cwd=ROOT,
        env=environment() | {"GIT_PYTHON_REFRESH": "quiet"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    client = mlflow.MlflowClient(f"sqlite:///{root}/eval/mlruns.db")
    (experiment,) = [e for e in client.search_experiments() if e.name == "monai_experiment"]
    (run,) = client.search_runs(experiment.experiment_id)
    assert run.info.status == "FINISHED"
    assert [entry.path.split("_")[0] for entry in client.list_artifacts(run.info.run_id)] == ["config"]
    return client, run


def history(client, run, metric):
    return {point.step: point.value for point in client.get_metric_history(run.info.run_id, metric)}


def test_training(imagecas_dir, tmp_path):
    keys = {"dataset_dir": imagecas_dir, "output_dir": tmp_path / "run", "max_epochs": 2}
    client, run = tracked(tmp_path, "training", "train", **keys, **SMALL)
    rows = read_curves(tmp_path / "run" / "curves.csv")
    assert run.data.params["max_epochs"] == "2"
    dice = history(client, run, "val_mean_dice")
    assert dice == pytest.approx({row["epoch"]: row["val_mean_dice"] for row in rows})
    losses = list(history(client, run, "train_loss").values())
    assert len(losses) == 4 and sum(losses[:2]) / 2 == pytest.approx(rows[0]["train_loss"])
    assert {"val_loss", "val_average_precision", "lr_group_0"} <= set(run.data.metrics)


@pytest.fixture
def weights(tmp_path):
    save_weights(ContrastNetwork(), tmp_path / "contrast.pt")
    return {"ckpt_path": tmp_path / "contrast.pt", "network_def": CONTRAST, "spatial_size": "[40,56,24]"}


def test_evaluation(imagecas_dir, tmp_path, weights):
    _, run = tracked(tmp_path, "evaluating", "evaluate", dataset_dir=imagecas_dir, **weights)
    assert 0.85 < run.data.metrics["dice"] < 1 and run.data.metrics["hd95_mm"] < 2


def test_inference(imagecas_dir, tmp_path, weights):
    keys = {"dataset_dir": imagecas_dir / "1-200" / "1.img.nii.gz", "geometry#pictures": False}
    tracked(tmp_path, "inference", "inference", **keys, **weights)
    assert any(name.endswith("_seg.nii.gz") for _, _, names in os.walk(tmp_path / "eval") for name in names)
