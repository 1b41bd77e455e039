"""A training run on drawn crops that stops, goes on, travels and is installed."""

from __future__ import annotations

import csv
import shutil

import pytest
import torch
import train_native
from script_call import call

from bundle.networks import ResUNet3D, load_weights, read_checkpoint

TINY = ("--crop=16", "--batch-size=1", "--workers=0", "--channels=2", "--channels=4", "--check-steps=1")
IMAGE = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))


def train(run_dir, *arguments) -> int:
    return call(train_native.main, *TINY, "--warmup=1", f"--run-dir={run_dir}", *arguments)


def answer(path, logits):
    return load_weights(ResUNet3D(out_channels=logits, channels=[2, 4]), path).eval()(IMAGE)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of two steps in two calls."""
    folder = tmp_path_factory.mktemp("run")
    assert train(folder, "--steps=2", "--minutes=0.0001") == 0
    shutil.copy(folder / "state.pt", folder / "first.pt")
    assert train(folder, "--steps=2") == 0
    return folder


def test_a_stopped_run_goes_on_with_new_patients(run_dir):
    first, last = (read_checkpoint(run_dir / name) for name in ("first.pt", "state.pt"))
    assert (first["step"], last["step"]) == (1, 2) and last["patients"] > first["patients"] > 0
    assert last["averaged"]["updates"] == 2
    with open(run_dir / "curves.csv") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2"]


def test_the_parts_for_transport_hold_the_run(run_dir, tmp_path):
    assert train(tmp_path, "--steps=2", f"--unpack={run_dir}") == 0
    here, there = (read_checkpoint(folder / "state.pt") for folder in (run_dir, tmp_path))
    assert there["step"] == 2 and there["patients"] == here["patients"]
    for name, value in there["network"].items():
        torch.testing.assert_close(value, here["network"][name], atol=1e-3, rtol=1e-2)
    for number, saved in here["optimizer"]["state"].items():
        moved = there["optimizer"]["state"][number]["exp_avg_sq"]
        torch.testing.assert_close(moved, saved["exp_avg_sq"], atol=1e-8, rtol=2e-2)


def test_installed_weights_give_the_first_logit_and_start_a_run(run_dir, tmp_path):
    train_native.install(run_dir / "weights.pt", tmp_path / "one.pt")
    one = answer(tmp_path / "one.pt", 1)
    torch.testing.assert_close(one, answer(run_dir / "weights.pt", 3)[:, :1])
    assert train(tmp_path / "new", "--steps=0", f"--init={tmp_path / 'one.pt'}") == 0
    torch.testing.assert_close(answer(tmp_path / "new" / "weights.pt", 3)[:, :1], one)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--init=none.pt"], 1, "none.pt does not exist"),
        (["--install={run}/state.pt"], 1, "holds no weights of this network"),
        (["--init={run}/weights.pt", "--channels=8"], 1, "weights of another architecture"),
        (["--unpack={run}/none"], 1, "does not exist"),
        (["--crop=15"], 2, "no multiple of 2"),
    ],
)
def test_what_cannot_be_is_a_sentence(run_dir, tmp_path, capsys, arguments, code, sentence):
    words = [word.format(run=run_dir) for word in arguments]
    assert train(tmp_path / "new", *words) == code
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "new").exists()
