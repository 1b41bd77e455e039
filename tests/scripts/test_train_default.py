"""From a pool of phantoms to weights, a card and curves; stopped by the clock and continued."""

from __future__ import annotations

import csv
import inspect
import json

import numpy as np
import pytest
import torch
import train_default
from script_call import call
from shared import ROOT, SEEDS
from tube_cases import tube_volume

from bundle.common.errors import InputError
from bundle.networks.resunet3d import ResUNet3D
from bundle.networks.weights import load_weights, save_weights
from bundle.phantom.phantom import GENERATOR

COUNTS = {"train": 4, "validation": 2, "test": 2}
SMALL = ("channels=[4,8,16,32]", "spatial_size=[32,32,16]", "batch_size=2")
SCHEDULE = ("val_interval=2", "warmup_steps=2", "learning_rate=0.01")


@pytest.fixture
def arguments(tmp_path):
    """Arguments for a run over tubes instead of phantoms, which stand in the pool already."""
    for part, count in COUNTS.items():
        (tmp_path / "pool" / part).mkdir(parents=True)
        for seed in range(SEEDS[part], SEEDS[part] + count):
            image, label = tube_volume((32, 32, 16), (1.5, 1.5, 3.0), seed % 1000)
            path = tmp_path / "pool" / part / f"{seed}.npz"
            np.savez(path, generator=GENERATOR, image=image, label=label, affine=np.eye(4))
    folders = {"--out": "out", "--run-dir": "run", "--pool-dir": "pool"}
    found = [f"{option}={tmp_path / name}" for option, name in folders.items()]
    counts = {"--count": "train", "--validation": "validation", "--test": "test"}
    found += [f"{option}={COUNTS[part]}" for option, part in counts.items()]
    return [*found, "--steps=12", *[f"--set={pair}" for pair in SMALL + SCHEDULE]]


def test_it_stops_when_the_time_is_over_and_the_same_command_goes_on(arguments, tmp_path, capsys):
    assert call(train_default.main, *arguments, "--minutes=1e-9") == 0
    assert "phantoms were made" in capsys.readouterr().out
    assert call(train_default.main, *arguments, "--set=max_minutes=0.000001") == 0
    assert "the same command goes on" in capsys.readouterr().out
    reached = torch.load(tmp_path / "run" / "checkpoint_last.pt", weights_only=True)["trainer"]["epoch"]
    assert reached == 1

    assert call(train_default.main, *arguments) == 0
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["finished"] and card["steps"] == 12 and card["epochs"] == 6
    assert card["real_labelled_scans"] == 0
    assert set(card["test_at_network_grid"]) == {"cases", "dice", "cldice"}
    assert [row["case"] for row in card["test_at_network_grid"]["cases"]] == ["3000000", "3000001"]
    with open(tmp_path / "out" / "curves.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    # The schedule went on where it was: warm-up to the full rate, then down to nothing at the last step.
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == sorted(rates, reverse=True) and rates[-1] == 0.0

    weights = torch.load(tmp_path / "out" / "model.pt", weights_only=True)
    assert all(tensor.dtype == torch.float16 for tensor in weights.values())
    load_weights(ResUNet3D(channels=(4, 8, 16, 32)), tmp_path / "out" / "model.pt")


def test_weights_are_installed_as_they_are_shipped(tmp_path, capsys):
    save_weights(ResUNet3D(), tmp_path / "full.pt")
    train_default.install(tmp_path / "full.pt", tmp_path / "model.pt")
    shipped = torch.load(ROOT / "models" / "model.pt", weights_only=True)
    shipped = shipped.get("model", shipped)
    weights = torch.load(tmp_path / "model.pt", weights_only=True)
    assert {name: t.dtype for name, t in weights.items()} == {name: t.dtype for name, t in shipped.items()}


def test_weights_of_another_network_are_not_installed(tmp_path):
    save_weights(ResUNet3D(channels=(4, 8)), tmp_path / "small.pt")
    with pytest.raises(InputError, match="another architecture"):
        train_default.install(tmp_path / "small.pt", tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()


def test_the_defaults_are_those_of_the_shipped_weights():
    """Steps, numbers of phantoms and precision of models/training_card.json."""
    card = json.loads((ROOT / "models" / "training_card.json").read_text())["stages"][-1]
    default = {name: p.default for name, p in inspect.signature(train_default.main).parameters.items()}
    parts = {"train": "count", "validation": "validation", "test": "test"}
    for part, option in parts.items():
        assert card["data"][part] == {"phantoms": default[option], "first_seed": SEEDS[part]}
    assert card["steps"] == default["steps"] and (card["weights_stored_as"] == "float16") == default["half"]


def test_spread_is_that_of_a_sample():
    assert train_default.spread([0.7, 0.8, 0.9]) == {
        "mean": 0.8,
        "sd": 0.1,
        "median": 0.8,
        "min": 0.7,
        "max": 0.9,
    }
