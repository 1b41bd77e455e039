"""TensorBoard, started for real on a run's folder, serves its scalars and images."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from small_run import environment, workflow

from bundle.handlers.training_log import read_curves

EPOCHS = 2


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def tensorboard(imagecas_dir, tmp_path):
    """A run, and a function that asks TensorBoard about it."""
    folder = tmp_path / "runs" / "small"
    workflow(dataset_dir=imagecas_dir, run_dir=folder, max_epochs=EPOCHS).run()
    port = free_port()
    log = open(tmp_path / "tensorboard.log", "w")  # noqa: SIM115
    arguments = ["--logdir", str(folder.parent), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", *arguments], env=environment(), stdout=log, stderr=log
    )

    def ask(path: str, **query) -> bytes:
        question = f"?{urllib.parse.urlencode(query)}" if query else ""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/{path}{question}", timeout=10) as answer:
            return answer.read()

    try:
        deadline = time.monotonic() + 90
        while True:
            assert server.poll() is None, (tmp_path / "tensorboard.log").read_text()
            try:
                if "small" in json.loads(ask("runs")):
                    break
            except (urllib.error.URLError, ConnectionError):
                pass
            assert time.monotonic() < deadline, "TensorBoard did not find the run in time"
            time.sleep(0.2)
        yield folder, ask
    finally:
        server.kill()
        server.wait()
        log.close()


def test_scalars_and_images_are_served(tensorboard):
    folder, ask = tensorboard
    tags = json.loads(ask("plugin/scalars/tags"))["small"]
    assert set(tags) == {"train/loss", "train/loss_epoch", "train/learning_rate", "val/mean_dice"}

    rows = read_curves(folder / "curves.csv")
    for tag, column in (("train/loss_epoch", "train_loss"), ("val/mean_dice", "val_mean_dice")):
        points = json.loads(ask("plugin/scalars/scalars", run="small", tag=tag))
        assert [step for _, step, _ in points] == [row["iteration"] for row in rows]
        assert [value for *_, value in points] == pytest.approx([row[column] for row in rows], rel=1e-5)
    steps = [step for _, step, _ in json.loads(ask("plugin/scalars/scalars", run="small", tag="train/loss"))]
    assert steps == list(range(1, int(rows[-1]["iteration"]) + 1))

    images = json.loads(ask("plugin/images/tags"))["small"]
    assert set(images) == {f"val/case_1/{plane}" for plane in ("sagittal", "coronal", "axial")}
    shown = json.loads(ask("plugin/images/images", run="small", tag="val/case_1/coronal", sample=0))
    assert [image["step"] for image in shown] == [row["iteration"] for row in rows]
    picture = ask("plugin/images/individualImage?" + shown[-1]["query"])
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (32, 16)  # columns and rows: right-left and head-foot
