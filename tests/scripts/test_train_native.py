"""A training run on drawn crops that stops, goes on, travels and is installed."""

import csv
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import train_native

from bundle.networks import ResUNet3D, load_weights, read_checkpoint

TINY = ["--crop=16", "--batch-size=1", "--workers=0", "--channels", "2", "4", "--check-steps=1", "--warmup=1"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of three steps in two calls."""
    folder = tmp_path_factory.mktemp("run")
    train_native.main([*TINY, "--steps=3", "--minutes=0.0001", f"--run-dir={folder}"])
    first = read_checkpoint(folder / "state.pt")
    assert first["step"] == 1
    (folder / "first.pt").write_bytes((folder / "state.pt").read_bytes())
    train_native.main([*TINY, "--steps=3", f"--run-dir={folder}"])
    return folder


def test_a_stopped_run_goes_on_with_new_patients(run_dir):
    first, last = (read_checkpoint(run_dir / name) for name in ("first.pt", "state.pt"))
    assert last["step"] == 3 and last["patients"] > first["patients"] > 0
    assert last["averaged"]["updates"] == 3
    with open(run_dir / "curves.csv") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def test_the_parts_for_transport_hold_the_run(run_dir, tmp_path):
    args = train_native.parse([*TINY, f"--unpack={run_dir}"])
    run = train_native.Run(args, torch.device("cpu"))
    run.unpack(run_dir)
    state = read_checkpoint(run_dir / "state.pt")
    assert run.step == 3 and run.patients == state["patients"]
    for name, value in run.network.state_dict().items():
        torch.testing.assert_close(value, state["network"][name], atol=1e-3, rtol=1e-2)
    moments = run.optimizer.state_dict()["state"]
    for number, saved in state["optimizer"]["state"].items():
        torch.testing.assert_close(moments[number]["exp_avg_sq"], saved["exp_avg_sq"], atol=1e-8, rtol=2e-2)


def test_installed_weights_give_the_first_logit(run_dir, tmp_path):
    train_native.install(run_dir / "weights.pt", tmp_path / "one.pt")
    whole = load_weights(ResUNet3D(out_channels=3, channels=[2, 4]), run_dir / "weights.pt").eval()
    one = load_weights(ResUNet3D(channels=[2, 4]), tmp_path / "one.pt").eval()
    image = torch.rand(1, 1, 16, 16, 16)
    torch.testing.assert_close(one(image), whole(image)[:, :1])
    begun = train_native.Run(train_native.parse(TINY), torch.device("cpu"))
    begun.start_from(tmp_path / "one.pt")
    again = begun.network.eval()(image)
    assert again.shape[1] == 3
    torch.testing.assert_close(again[:, :1], one(image))
