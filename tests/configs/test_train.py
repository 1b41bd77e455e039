"""Training learns, says what is wrong, and leaves what it should."""

from __future__ import annotations

import json
import math

import pytest
import torch
from small_run import run, workflow

from bundle.common.errors import find_input_error
from bundle.handlers.training.dashboard.curves import read_curves
from bundle.networks.resunet3d import ResUNet3D
from bundle.networks.weights import load_weights, save_weights

NO_AUGMENT = {
    f"train#augment#prob_{name}": 0.0
    for name in ("affine", "elastic", "gamma", "contrast", "brightness", "noise", "blur", "low_res")
}


def test_it_overfits_tubes(imagecas_dir, tmp_path):
    keys = {"dataset_dir": imagecas_dir, "output_dir": tmp_path / "run", "max_epochs": 25, "val_interval": 5}
    workflow(**keys, **NO_AUGMENT).run()
    rows = read_curves(tmp_path / "run" / "curves.csv")
    assert rows[-1]["train_loss"] < 0.5 * rows[0]["train_loss"]
    assert rows[-1]["val_mean_dice"] > 0.9


def test_the_loss_falls_with_augmentation_and_dropout(imagecas_dir, tmp_path):
    keys = {"dataset_dir": imagecas_dir, "output_dir": tmp_path / "run", "max_epochs": 8, "dropout": 0.1}
    workflow(**keys).run()
    rows = read_curves(tmp_path / "run" / "curves.csv")
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]


def test_what_a_run_leaves_behind(imagecas_dir, tmp_path):
    folder = tmp_path / "run"
    workflow(dataset_dir=imagecas_dir, output_dir=folder, max_epochs=2).run()
    names = {path.name for path in folder.iterdir() if not path.name.startswith("events.out.tfevents")}
    weights = {"checkpoint_last.pt", "checkpoint_best.pt", "model.pt"}
    assert names == weights | {"curves.csv", "config.json", "run.log"}
    assert json.loads((folder / "config.json").read_text())["max_epochs"] == 2

    best = torch.load(folder / "checkpoint_best.pt", weights_only=True)
    rows = read_curves(folder / "curves.csv")
    assert best["best"]["metric"] == max(row["val_mean_dice"] for row in rows)
    network = load_weights(ResUNet3D(channels=(4, 8, 16, 32)), folder / "model.pt")
    assert all(torch.equal(best["model"][k], v) for k, v in network.state_dict().items())


def test_it_stops_early_when_validation_no_longer_improves(imagecas_dir, tmp_path):
    keys = {
        "dataset_dir": imagecas_dir,
        "output_dir": tmp_path / "run",
        "max_epochs": 50,
        "learning_rate": 0.0,
    }
    workflow(**keys, early_stop_patience=2).run()
    assert [row["epoch"] for row in read_curves(tmp_path / "run" / "curves.csv")] == [1, 2, 3]
    assert torch.load(tmp_path / "run" / "checkpoint_last.pt", weights_only=True)["trainer"]["epoch"] == 3


def test_it_stops_when_the_time_is_over_and_can_be_resumed(imagecas_dir, tmp_path):
    keys = {"dataset_dir": imagecas_dir, "output_dir": tmp_path / "run", "max_epochs": 2}
    workflow(**keys, max_minutes=1e-6).run()
    assert len(read_curves(tmp_path / "run" / "curves.csv")) == 1
    workflow(**keys, resume=True).run()
    assert len(read_curves(tmp_path / "run" / "curves.csv")) == 2


def test_without_validation_cases_the_last_weights_are_exported(imagecas_dir, tmp_path):
    # MONAI Label gives its own lists, and the validation list may be empty.
    keys = {"dataset_dir": imagecas_dir, "output_dir": tmp_path / "run", "max_epochs": 1}
    workflow(**keys, **{"validate#dataset#data": []}).run()
    row = read_curves(tmp_path / "run" / "curves.csv")[0]
    assert row["val_mean_dice"] is None and math.isfinite(row["train_loss"])
    assert (tmp_path / "run" / "model.pt").is_file()


def test_every_process_but_the_first_writes_no_log_and_no_checkpoint(imagecas_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("ignite.distributed.get_rank", lambda: 1)
    workflow(dataset_dir=imagecas_dir, output_dir=tmp_path / "run", max_epochs=1).run()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.json"}


def test_it_starts_from_given_weights(imagecas_dir, tmp_path):
    keys = {
        "dataset_dir": imagecas_dir,
        "output_dir": tmp_path / "run",
        "max_epochs": 1,
        "learning_rate": 0.0,
    }
    network = ResUNet3D(channels=(4, 8, 16, 32))
    save_weights(network, tmp_path / "start.pt")
    workflow(**keys, init_weights=tmp_path / "start.pt").run()
    trained = torch.load(tmp_path / "run" / "model.pt", weights_only=True)
    assert all(torch.equal(trained[k], v) for k, v in network.state_dict().items())


def test_weights_of_another_architecture_end_the_run_in_one_sentence(imagecas_dir, tmp_path):
    save_weights(ResUNet3D(channels=(8, 16)), tmp_path / "other.pt")
    done = run(dataset_dir=imagecas_dir, output_dir=tmp_path / "run", init_weights=tmp_path / "other.pt")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: " in done.stderr and "other.pt holds the weights of another architecture" in done.stderr


def test_a_switch_that_is_neither_true_nor_false_is_refused(imagecas_dir, tmp_path):
    with pytest.raises(Exception) as caught:
        workflow(dataset_dir=imagecas_dir, output_dir=tmp_path / "run", resume="maybe")
    assert "must be true or false" in str(find_input_error(caught.value))


def test_torch_compile_leaves_the_names_of_the_weights(imagecas_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda call, **options: call)  # a compiler need not be installed
    keys = {"dataset_dir": imagecas_dir, "output_dir": tmp_path / "run", "max_epochs": 1, "compile": "true"}
    workflow(**keys, channels_last=True).run()
    load_weights(ResUNet3D(channels=(4, 8, 16, 32)), tmp_path / "run" / "model.pt")
