"""A training run on drawn crops that stops, goes on with new patients, and is installed."""

from __future__ import annotations

import shutil

import pytest
import torch
import train_native
from script_call import call

from bundle.handlers.training import LAST_CHECKPOINT
from bundle.handlers.training.dashboard import read_curves
from bundle.networks import ResUNet3D, load_weights, read_checkpoint, save_weights
from bundle.phantom.crops import stream

TINY = {"crop": [16, 16, 16], "batch_size": 1, "num_workers": 0, "channels": [2, 4], "epoch_steps": 2}
TINY |= {"val_batches": 1, "device": "cpu", "warmup_steps": 1, "average_momentum": 0.5}


def train(run_dir, *arguments, **keys) -> int:
    pairs = [word for key, value in (TINY | keys).items() for word in ("--set", f"{key}={value}")]
    return call(train_native.main, *pairs, f"--run-dir={run_dir}", *arguments)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of two epochs in two calls."""
    folder = tmp_path_factory.mktemp("run") / "native"
    assert train(folder, "--steps=4", "--minutes=0.0001") == 0
    shutil.copy(folder / LAST_CHECKPOINT, folder.parent / "first.pt")
    assert train(folder, "--steps=4") == 0
    return folder


def test_a_stopped_run_goes_on(run_dir):
    first, last = (read_checkpoint(p) for p in (run_dir.parent / "first.pt", run_dir / LAST_CHECKPOINT))
    assert [x["trainer"]["iteration"] for x in (first, last)] == [2, 4]
    assert [row["iteration"] for row in read_curves(run_dir / "curves.csv")] == [2, 4]
    assert not torch.equal(first["averaged"]["head.weight"], last["averaged"]["head.weight"])


def test_a_run_that_is_done_stays_as_it_is(run_dir):
    before = read_checkpoint(run_dir / "model.pt")
    assert train(run_dir, "--steps=4") == 0
    assert read_checkpoint(run_dir / LAST_CHECKPOINT)["trainer"]["iteration"] == 4
    for name, value in read_checkpoint(run_dir / "model.pt").items():
        assert torch.equal(value, before[name])


def test_the_weights_are_the_moving_average(run_dir):
    first, last = (read_checkpoint(p) for p in (run_dir.parent / "first.pt", run_dir / LAST_CHECKPOINT))
    weights = load_weights(ResUNet3D(out_channels=3, channels=[2, 4]), run_dir / "model.pt").state_dict()
    assert any(torch.equal(x["averaged"]["head.weight"], weights["head.weight"]) for x in (first, last))
    assert not torch.equal(last["model"]["head.weight"], last["averaged"]["head.weight"])


def test_a_run_that_goes_on_sees_other_patients(tmp_path, monkeypatch):
    drawn = []
    draw = stream.draw_patient
    monkeypatch.setattr(stream, "draw_patient", lambda seed: drawn.append(seed) or draw(seed))
    assert train(tmp_path / "run", "--steps=4", "--minutes=0.0001", val_batches=0) == 0
    before = set(drawn)
    drawn.clear()
    assert train(tmp_path / "run", "--steps=4", val_batches=0) == 0
    new = set(drawn)
    assert before and new and not before & new


def test_installed_weights_keep_every_logit_and_start_a_run(tmp_path):
    network, installed = (train_native.network_of(train_native.config()) for _ in range(2))
    save_weights(network, tmp_path / "model.pt")
    train_native.install([tmp_path / "model.pt"], tmp_path / "installed.pt")
    load_weights(installed, tmp_path / "installed.pt")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(installed.state_dict()[name], value, atol=1e-3, rtol=1e-3)


def test_several_files_are_installed_as_their_mean(tmp_path):
    states = []
    for number in range(2):
        network = train_native.network_of(train_native.config())
        states.append(network.state_dict())
        save_weights(network, tmp_path / f"{number}.pt")
    train_native.install([tmp_path / "0.pt", tmp_path / "1.pt"], tmp_path / "installed.pt")
    installed = load_weights(train_native.network_of(train_native.config()), tmp_path / "installed.pt")
    first, second = (state["encoders.1.conv1.weight"] for state in states)
    mean = installed.state_dict()["encoders.1.conv1.weight"]
    torch.testing.assert_close(mean, (first + second) / 2, atol=1e-3, rtol=1e-3)
    assert float((mean - first).abs().max()) > 0.01


def test_a_run_starts_from_weights_with_one_level_less(run_dir, tmp_path, capsys):
    keys = {"channels": [2, 4, 3], "val_batches": 0, "learning_rate": 0}
    assert train(tmp_path / "deep", "--steps=2", f"--init={run_dir / 'model.pt'}", **keys) == 0
    assert "model.pt begins with one level more" in capsys.readouterr().out
    old, new = (read_checkpoint(folder / "model.pt") for folder in (run_dir, tmp_path / "deep"))
    torch.testing.assert_close(new["encoders.0.conv1.weight"], old["encoders.0.conv1.weight"])
    torch.testing.assert_close(new["encoders.1.conv1.weight"], old["bottleneck.conv1.weight"])


@pytest.mark.parametrize(
    ("arguments", "channels", "sentence"),
    [
        (["--init=none.pt"], None, "none.pt does not exist"),
        (["--install={run}/checkpoint_last.pt"], None, "weights of another architecture"),
        (["--init={run}/model.pt"], [8, 16], "weights of another architecture"),
        (["--init={run}/model.pt"], [8, 16, 8], "weights of another architecture"),
        (["--set=epoch_step=3"], None, "did you mean"),
        (["--set=channels=[8,16]"], None, "--set gives channels twice"),
    ],
)
def test_what_cannot_be_is_a_sentence(run_dir, tmp_path, capsys, arguments, channels, sentence):
    words = [word.format(run=run_dir) for word in arguments]
    keys = {} if channels is None else {"channels": channels}
    assert train(tmp_path / "new", *words, **keys) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
