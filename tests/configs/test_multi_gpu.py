"""Two processes under torchrun are one with their global batch: on CPUs, with gloo in place of NCCL."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import ignite.distributed as idist
import numpy as np
import pytest
import torch
from contrast_network import ContrastNetwork
from evaluation_run import evaluate
from ignite.engine import Engine
from monai.bundle import ConfigParser
from small_run import ROOT, SMALL, environment, workflow
from tube_cases import tube_case, tube_volume, write_split

from bundle.common.errors import find_input_error
from bundle.handlers.training.dashboard.curves import read_curves
from bundle.handlers.training.prepare import LAST_CHECKPOINT
from bundle.handlers.training.reproducible import Reproducible
from bundle.networks.weights import save_weights

CONFIGS = ROOT / "configs"
BROKEN = "9"  # the only case of the second process in the evaluation
# Not Adam: it divides by the size of the gradient, so where that is zero its step is rounding errors.
PLAIN = {
    "optimizer#_target_": "torch.optim.SGD",
    "learning_rate": 0.2,
    "train#prepare_batch#augment": "$None",
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """4 cases for training, 3 for validation and 3 for the test: no even share for two processes."""
    root = tmp_path_factory.mktemp("multi_gpu") / "ImageCAS"
    parts = ["Training"] * 4 + ["Val"] * 3 + ["Testing"] * 3
    for number in range(1, 11):
        tube_case(root / "1-200", number, shape=(32, 32, 16), spacing=(1.5, 1.5, 3.0), seed=number)
    write_split(root / "imageCAS_data_split.xlsx", list(zip(range(1, 11), parts)))
    (root / "1-200" / f"{BROKEN}.img.nii.gz").write_bytes(b"not an image")
    return root


def command(run_id: str, *configs: str, **keys) -> list[str]:
    paths = [f"configs/{name}.yaml" for name in configs]
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nnodes=1"]
    program += ["--nproc_per_node=2", "-m", "monai.bundle", "run", run_id, "--config_file", str(paths)]
    return [*program, "--logging_file=configs/logging.conf", *[f"--{k}={v}" for k, v in keys.items()]]


def torchrun(*arguments, **keys) -> subprocess.CompletedProcess:
    done = command(*arguments, **keys)
    return subprocess.run(done, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)


def training_keys(data: Path, folder: Path, **keys) -> dict:
    small = {name: value for name, value in SMALL.items() if name != "device"}
    return small | PLAIN | {"dataset_dir": data, "output_dir": folder, "batch_size": 1} | keys


def checkpoint(folder: Path) -> dict:
    return torch.load(folder / LAST_CHECKPOINT, weights_only=True)


def test_two_processes_train_to_the_weights_of_one_with_their_global_batch(cases, tmp_path):
    two, one = tmp_path / "two", tmp_path / "one"
    done = torchrun("training", "train", "multi_gpu_train", **training_keys(cases, two, max_epochs=2))
    assert done.returncode == 0, done.stderr
    config = workflow(**training_keys(cases, one, max_epochs=2, batch_size=2), device="cpu")
    first = {name: tensor.clone() for name, tensor in config.network_def.state_dict().items()}
    config.run()

    a, b = checkpoint(two), checkpoint(one)
    assert a["trainer"] == b["trainer"] == {"epoch": 2, "iteration": 4, "epoch_length": 2}
    moved = max(float((tensor - first[name]).abs().max()) for name, tensor in b["model"].items())
    apart = max(float((tensor - a["model"][name]).abs().max()) for name, tensor in b["model"].items())
    assert moved > 0.01 and apart < 1e-6
    # The validation of all three cases, and not of the two that the first process has.
    assert a["best"]["metric"] == pytest.approx(b["best"]["metric"], abs=1e-4)
    exported = torch.load(two / "model.pt", weights_only=True)
    assert set(exported) == set(first)
    # One process writes and speaks.
    assert len(read_curves(two / "curves.csv")) == 2
    assert len(list(two.glob("events.out.tfevents.*"))) == 1
    assert (done.stdout + done.stderr).count("epoch 2/2") == 1


def test_two_processes_measure_as_one_and_name_the_broken_case(cases, tmp_path):
    weights = tmp_path / "contrast.pt"
    save_weights(ContrastNetwork(), weights)
    keys = {"dataset_dir": cases, "ckpt_path": weights, "spatial_size": [40, 56, 24]}
    keys |= {"network_def": {"_target_": "tests.helpers.contrast_network.ContrastNetwork"}}
    two, one = tmp_path / "two", tmp_path / "one"
    # As Model Zoo's documents start it, over train.yaml.
    done = torchrun("evaluating", "train", "evaluate", "multi_gpu_evaluate", output_dir=two, **keys)
    assert done.returncode == 1
    with pytest.raises(RuntimeError) as caught:
        evaluate(cases, one, weights, device="cpu")
    sentence = str(find_input_error(caught.value))
    assert f"1 of 3 cases failed, first '{BROKEN}'" in sentence
    assert f"error: {sentence.partition('; see')[0]}" in done.stderr
    for name in ("metrics.csv", "metrics_summary.csv"):
        assert (two / name).read_text() == (one / name).read_text()
    a, b = (json.loads((folder / "metrics.json").read_text()) for folder in (two, one))
    assert a == b and [row["case"] for row in a["cases"]] == ["8", "10"]
    assert done.stdout.count("betti0_error") == 2  # the two tables, once


def overlaid(*names: str, **keys) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / f"{name}.yaml") for name in names])
    parser.update(keys)
    return parser


def test_every_process_draws_its_own_augmentation(monkeypatch):
    monkeypatch.setattr(idist, "get_world_size", lambda: 2)
    batch = dict.fromkeys(("image", "label"), torch.rand(2, 1, 16, 16, 8))
    drawn = []
    for seed in (0, 1):
        for rank in (0, 1):
            monkeypatch.setattr(idist, "get_rank", lambda rank=rank: rank)
            prepare = overlaid("train").get_parsed_content("train#prepare_batch")
            Reproducible(seed, prepare).attach(Engine(lambda engine, batch: None))
            drawn.append(prepare(batch, torch.device("cpu"))[0])
    assert not any(torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


def test_the_overlays_keep_every_step_of_what_they_lie_over():
    for below, name in (("train", "multi_gpu_train"), ("evaluate", "multi_gpu_evaluate")):
        before, after = overlaid(below)["initialize"], overlaid(below, name)["initialize"]
        assert [step for step in after if step in before] == before


def children(process: subprocess.Popen) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.mark.slow
def test_a_killed_run_of_two_processes_resumes_to_the_same_weights(cases, tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    configs = ("training", "train", "multi_gpu_train")
    keys = {"max_epochs": 6, "train#prepare_batch#augment": "@train#augment", "dropout": 0.2}
    assert torchrun(*configs, **training_keys(cases, undisturbed, **keys)).returncode == 0

    endless = command(*configs, **training_keys(cases, killed, **(keys | {"max_epochs": 1000})))
    process = subprocess.Popen(
        endless, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    curves = killed / "curves.csv"
    while not (curves.is_file() and len(curves.read_text().splitlines()) > 2):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    os.kill(children(process)[1], signal.SIGKILL)  # torchrun ends the other one
    assert process.wait(timeout=60) != 0
    assert checkpoint(killed)["trainer"]["epoch"] < 6, "killed at the wrong time for this test"

    done = torchrun(*configs, **training_keys(cases, killed, **keys), resume="true")
    assert done.returncode == 0, done.stderr
    a, b = checkpoint(killed), checkpoint(undisturbed)
    assert a["trainer"] == b["trainer"] and a["best"] == b["best"]
    assert all(torch.equal(a["model"][name], b["model"][name]) for name in b["model"])


@pytest.mark.slow
def test_two_processes_train_on_a_pool_with_the_schedule_of_one(tmp_path):
    for part, count in (("train", 8), ("validation", 3)):
        (tmp_path / "pool" / part).mkdir(parents=True)
        for seed in range(count):
            image, label = tube_volume((32, 32, 16), (1.5, 1.5, 3.0), seed)
            np.savez(tmp_path / "pool" / part / f"{seed}.npz", image=image, label=label, affine=np.eye(4))
    keys = {"pool_dir": tmp_path / "pool", "max_epochs": 4, "val_interval": 2, "warmup_steps": 2}
    keys = training_keys(tmp_path, tmp_path / "run", **keys)
    done = torchrun("training", "train", "modes/phantom_pool", "multi_gpu_train", **keys)
    assert done.returncode == 0, done.stderr
    rows = read_curves(tmp_path / "run" / "curves.csv")
    assert [row["iteration"] for row in rows] == [4, 8, 12, 16]  # 8 phantoms, one a step on each process
    rates = [PLAIN["learning_rate"] * max(0.0, 1 - step / 16) ** 0.9 for step in (4, 8, 12, 16)]
    assert [row["learning_rate"] for row in rows] == pytest.approx(rates)
    assert [row["val_mean_dice"] is None for row in rows] == [True, False, True, False]


@pytest.mark.slow
def test_what_cannot_run_on_two_processes_says_why_on_one_line(cases, tmp_path):
    keys = training_keys(cases, tmp_path / "run", **{"validate#dataset#data": "$@cases['validation'][:1]"})
    done = torchrun("training", "train", "multi_gpu_train", **keys)
    assert done.returncode == 1
    assert "error: validation has 1 cases for 2 processes, and each needs one" in done.stderr
    keys = training_keys(cases, tmp_path / "run", resume=True)
    done = torchrun("training", "train", "multi_gpu_train", **keys)
    assert done.returncode == 1
    assert "nothing to resume" in done.stderr


@pytest.mark.slow
def test_two_nodes_train_to_the_weights_of_one_process(cases, tmp_path):
    """Two agents that meet by a port, as on two machines, each with a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    two, one = tmp_path / "two", tmp_path / "one"
    keys = training_keys(cases, two, max_epochs=2)
    agents = []
    for rank in (0, 1):
        words = command("training", "train", "multi_gpu_train", **keys)
        place = words.index("--standalone")
        words[place : place + 3] = ["--nnodes=2", "--nproc_per_node=1", f"--node_rank={rank}"]
        words[place:place] = [
            "--rdzv_id=job1",
            "--rdzv_backend=c10d",
            f"--rdzv_endpoint=127.0.0.1:{port}",
        ]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        agents.append(subprocess.Popen(words, cwd=ROOT, env=environment(), **streams))
    said = [agent.communicate(timeout=300)[0] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], said
    assert sum(text.count("epoch 2/2") for text in said) == 1

    config = workflow(**training_keys(cases, one, max_epochs=2, batch_size=2), device="cpu")
    config.run()
    a, b = checkpoint(two), checkpoint(one)
    assert a["trainer"] == b["trainer"]
    apart = max(float((tensor - a["model"][name]).abs().max()) for name, tensor in b["model"].items())
    assert apart < 1e-6
