"""A run that was killed and resumed is the run that was not killed."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
import torch
from small_run import ROOT, command, environment, run, workflow

from bundle.common.errors import find_input_error
from bundle.handlers.training.dashboard.curves import read_curves
from bundle.networks.weights import save_weights

EPOCHS = 10
DROPOUT = 0.2  # its random numbers must be the same too


def options(data, folder, **keys) -> dict:
    return {"dataset_dir": data, "output_dir": folder, "dropout": DROPOUT, "max_epochs": EPOCHS} | keys


def losses(folder):
    columns = ("epoch", "train_loss", "val_mean_dice")
    return [tuple(row[name] for name in columns) for row in read_curves(folder / "curves.csv")]


def wait_for_rows(path, count, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.is_file() and len(path.read_text().splitlines()) > count:
            return
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError("no epoch ended in time")


def test_a_killed_run_resumes_to_the_same_losses_and_weights(imagecas_dir, tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    done = run(**options(imagecas_dir, undisturbed))
    assert done.returncode == 0, done.stderr

    process = subprocess.Popen(
        command(**options(imagecas_dir, killed, max_epochs=1000)),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_rows(killed / "curves.csv", 3, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    reached = torch.load(killed / "checkpoint_last.pt", weights_only=True)["trainer"]["epoch"]
    assert 2 <= reached < EPOCHS, "killed at the wrong time for this test"

    done = run(**options(imagecas_dir, killed, resume="true"))
    assert done.returncode == 0, done.stderr
    assert f"after epoch {reached}" in done.stdout + done.stderr

    assert losses(killed) == losses(undisturbed)
    a, b = (torch.load(folder / "checkpoint_last.pt", weights_only=True) for folder in (killed, undisturbed))
    assert a["trainer"] == b["trainer"] and a["best"] == b["best"]
    assert all(torch.equal(a["model"][name], b["model"][name]) for name in b["model"])


@pytest.fixture
def one_epoch(imagecas_dir, tmp_path):
    keys = options(imagecas_dir, tmp_path / "run", max_epochs=1)
    workflow(**keys).run()
    return keys


def refusal(**keys):
    """The sentence with which a resumed run ends."""
    with pytest.raises(Exception) as caught:
        workflow(**keys, resume=True).run()
    return str(find_input_error(caught.value))


def test_what_cannot_be_resumed_is_refused_and_left_whole(one_epoch, tmp_path):
    last = tmp_path / "run" / "checkpoint_last.pt"
    before = last.read_bytes()
    assert "another architecture" in refusal(**one_epoch | {"channels": [8, 16]})
    assert "resume with the same data and batch size" in refusal(**one_epoch | {"batch_size": 1})
    assert "nothing to resume" in refusal(**one_epoch | {"output_dir": tmp_path / "never_ran"})
    assert last.read_bytes() == before
    save_weights(torch.nn.Linear(2, 2), last)
    assert "resuming needs a checkpoint of this bundle" in refusal(**one_epoch)


def test_a_finished_run_that_is_resumed_stays_as_it_is(one_epoch, tmp_path):
    before = losses(tmp_path / "run")
    workflow(**one_epoch, resume=True).run()
    assert losses(tmp_path / "run") == before


def test_a_new_run_keeps_an_older_one(one_epoch, tmp_path):
    workflow(**one_epoch).run()
    kept = [path for path in tmp_path.glob("run-*") if path.is_dir()]
    assert len(kept) == 1 and (kept[0] / "checkpoint_last.pt").is_file()
    assert len(losses(tmp_path / "run")) == 1
