"""Mistakes of a person who trains or segments: one sentence, exit code 2, and everything as it was."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_run import ROOT, SMALL, command, environment, run
from tube_cases import tube_case
from typed import typed

from bundle.cohort.progress import CaseProgress
from bundle.handlers.training.dashboard.curves import read_curves

TRAIN, INFERENCE = "configs/train.yaml", "configs/inference.yaml"
CONTRAST = json.dumps({"_target_": "tests.helpers.contrast_network.ContrastNetwork"})


def flags(**keys) -> list[str]:
    return [f"--{key}={value}" for key, value in keys.items()]


def train(monkeypatch, data, out, *configs, **keys):
    files = str([TRAIN, *map(str, configs)])
    keys = SMALL | {"dataset_dir": data, "output_dir": out, "max_epochs": 1} | keys
    return typed(monkeypatch, "training", f"--config_file={files}", *flags(**keys))


def infer(monkeypatch, data, out, weights, **keys):
    keys = {"dataset_dir": data, "output_dir": out, "ckpt_path": weights, "network_def": CONTRAST} | keys
    keys |= {"device": keys.get("device", "cpu"), "geometry#pictures": False}
    return typed(monkeypatch, "inference", f"--config_file={INFERENCE}", *flags(**keys))


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        (
            "spatial_size",
            [65, 63, 31],
            "every side must be a multiple of 8 for this network, such as [64, 64, 32]",
        ),
        ("spatial_size", [64, 64], "three whole numbers"),
        ("device", "cuda:99", "GPU"),
        ("device", "gpu", "it must be cpu, cuda"),
        ("max_epochs", "two", "a whole number"),
        ("learning_rate", "abc", "a number"),
        ("norm", "group", "norm is 'group'; it must be instance or batch"),
        ("norm", "bacth", "norm is 'bacth'; it must be instance or batch"),
        ("channels", [8], "a level and the bottleneck"),
        ("dataset_dir", "no/where", "'no/where' does not exist"),
        ("dataset_dir", "no/data/phantoms", "scripts/make_phantoms.py"),
        ("init_weights", "no/weights.pt", "no/weights.pt does not exist"),
        ("progress", "perhaps", "must be true or false"),
        ("batch_size", 0, "batch_size is 0; it must be 1 or more"),
    ],
)
def test_a_mistake_of_training_is_one_sentence_and_the_trained_run_stays(
    key, value, sentence, imagecas_dir, tmp_path, monkeypatch
):
    trained = tmp_path / "runs" / "default" / "checkpoint_last.pt"
    trained.parent.mkdir(parents=True)
    trained.write_bytes(b"weeks of work")
    answer = train(monkeypatch, imagecas_dir, trained.parent, **{key: value})
    assert answer.code == 2 and answer.last.startswith("error: ") and sentence in answer.last
    assert [path.relative_to(tmp_path / "runs") for path in (tmp_path / "runs").rglob("*")] == [
        Path("default"),
        Path("default/checkpoint_last.pt"),
    ]


def test_a_scan_that_cannot_be_read_leaves_the_trained_run_too(imagecas_dir, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint_last.pt").write_bytes(b"weeks of work")
    (imagecas_dir / "1-200" / "2.img.nii.gz").write_bytes(b"")
    answer = train(monkeypatch, imagecas_dir, tmp_path / "run")
    assert answer.code == 2 and "2.img.nii.gz' is empty" in answer.last
    assert [path.name for path in tmp_path.glob("run*/*")] == ["checkpoint_last.pt"]


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("geometry#smoothing", "lapalcian", "there are sinc, laplacian, none"),
        ("geometry#formats", "['stp']", "there are stl"),
        ("device", "cuda:99", "GPU"),
        ("threshold_upper", "abc", "a number"),
        ("threshold_upper", 35, "between 0 and 1"),
        ("geometry#turntable", "many", "turntable is 'many'"),
        ("spatial_size", [64, 64], "three whole numbers"),
        ("dataset_dir", "no/data/phantoms", "scripts/make_phantoms.py"),
    ],
)
def test_a_mistake_of_inference_is_one_sentence_and_leaves_nothing(
    key, value, sentence, tmp_path, weights, monkeypatch
):
    scan = tube_case(tmp_path / "data", "a", shape=(32, 32, 16))["image"]
    answer = infer(monkeypatch, scan, tmp_path / "eval", weights, **{key: value})
    assert answer.code == 2 and answer.last.startswith("error: ") and sentence in answer.last
    assert not (tmp_path / "eval").exists()


def test_the_size_for_the_shipped_weights_is_checked_before_they_are_loaded(tmp_path, monkeypatch):
    keys = {"spatial_size": [65, 63, 31], "device": "cpu", "dataset_dir": "x", "output_dir": tmp_path}
    answer = typed(monkeypatch, "inference", f"--config_file={INFERENCE}", *flags(**keys))
    assert answer.code == 2 and "a multiple of 8" in answer.last


def test_a_missing_scan_is_named_without_the_layouts_of_training(tmp_path, weights, monkeypatch):
    answer = infer(monkeypatch, tmp_path / "nobody.nii.gz", tmp_path / "eval", weights)
    assert (
        answer.code == 2 and "nobody.nii.gz' does not exist" in answer.last and "ImageCAS" not in answer.last
    )


@pytest.mark.parametrize("name", ["IM0001.dcm", "IM0001"], ids=["by its ending", "by its first bytes"])
@pytest.mark.parametrize("given", ["folder", "file"])
def test_dicom_says_how_to_convert(name, given, tmp_path, weights, monkeypatch):
    file = tmp_path / "series" / name
    file.parent.mkdir()
    file.write_bytes(bytes(128) + b"DICM" + bytes(100))
    data = file if given == "file" else file.parent
    answer = infer(monkeypatch, data, tmp_path / "eval", weights)
    assert answer.code == 2 and f"dcm2niix -z y -o SCANS '{file.parent}'" in answer.last


@pytest.mark.parametrize("where", ["file", "below a file", "/proc/nobody"])
def test_an_output_folder_that_cannot_be_written_is_refused_before_the_network_runs(
    where, imagecas_dir, tmp_path, weights, monkeypatch
):
    (tmp_path / "note").write_text("mine")
    out = {"file": tmp_path / "note", "below a file": tmp_path / "note" / "run"}.get(where, Path(where))
    for answer in (
        train(monkeypatch, imagecas_dir, out),
        infer(monkeypatch, imagecas_dir / "1-200" / "1.img.nii.gz", out, weights),
    ):
        assert answer.code == 2 and f"output_dir '{out}' cannot be" in answer.last
    assert (tmp_path / "note").read_text() == "mine"


def test_a_path_with_a_space_and_without_quotes_is_named(tmp_path, monkeypatch):
    words = (
        "--config_file",
        INFERENCE,
        "--dataset_dir",
        "my",
        "scan.nii.gz",
        "--output_dir",
        tmp_path / "eval",
    )
    answer = typed(monkeypatch, "inference", *words)
    assert answer.code == 2 and "'scan.nii.gz' stands alone" in answer.last
    assert not (tmp_path / "eval").exists()


def test_results_do_not_go_into_the_folder_of_the_scans(imagecas_dir, weights, monkeypatch):
    before = sorted(imagecas_dir.rglob("*"))
    for answer in (
        train(monkeypatch, imagecas_dir, imagecas_dir),
        infer(monkeypatch, imagecas_dir, imagecas_dir, weights),
    ):
        assert answer.code == 2 and "is the folder of the scans" in answer.last
    assert sorted(imagecas_dir.rglob("*")) == before


def test_resuming_another_networks_run_leaves_it_as_it_was(imagecas_dir, tmp_path, monkeypatch):
    assert train(monkeypatch, imagecas_dir, tmp_path / "run").code == 0
    before = {path: path.read_bytes() for path in sorted((tmp_path / "run").glob("*")) if path.is_file()}
    keys = {"resume": "true", "channels": [8, 16, 32, 64], "max_epochs": 2}
    answer = train(monkeypatch, imagecas_dir, tmp_path / "run", **keys)
    assert answer.code == 2 and "checkpoint_last.pt holds the weights of another architecture" in answer.last
    assert before == {path: path.read_bytes() for path in before}


def test_the_solver_model_is_made_when_it_is_asked_for(tmp_path, weights, monkeypatch):
    scan = tube_case(tmp_path / "data", "a")["image"]
    keys = {"spatial_size": [48, 48, 32], "geometry#solver": "true"}
    answer = infer(monkeypatch, scan, tmp_path / "eval", weights, **keys)
    assert answer.code == 0 and list((tmp_path / "eval" / "a").glob("a_solver*"))


def test_a_missing_run_names_the_one_that_is_kept(imagecas_dir, tmp_path, monkeypatch):
    kept = tmp_path / "run-20260101-120000"
    kept.mkdir()
    (kept / "checkpoint_last.pt").write_bytes(b"")
    answer = train(monkeypatch, imagecas_dir, tmp_path / "run", resume="true")
    assert answer.code == 2 and f"--output_dir {kept}" in answer.last


def test_a_new_learning_rate_on_resuming_is_used_and_said(imagecas_dir, tmp_path, monkeypatch):
    out = tmp_path / "run"
    half = "$lambda step: 0.5"
    assert train(monkeypatch, imagecas_dir, out, lr_factor=half, learning_rate=0.0001).code == 0
    keys = {"resume": "true", "max_epochs": 2, "learning_rate": 0.01, "optimizer#weight_decay": 0.1}
    answer = train(monkeypatch, imagecas_dir, out, lr_factor=half, **keys)
    assert answer.code == 0
    assert "the learning rate is 0.01 from here on; it was 0.0001 before" in answer.out
    assert "weight_decay of the optimizer is 0.1 from here on; it was 0" in answer.out
    assert [row["learning_rate"] for row in read_curves(out / "curves.csv")] == pytest.approx([5e-5, 5e-3])
    assert json.loads((out / "config.json").read_text())["learning_rate"] == 0.01
    saved = torch.load(out / "checkpoint_last.pt", weights_only=True)["optimizer"]["param_groups"][0]
    assert (saved["initial_lr"], saved["weight_decay"]) == (0.01, 0.1)


def test_a_nested_overlay_that_replaces_says_what_works(imagecas_dir, tmp_path, monkeypatch):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("train:\n  random_transforms:\n  - {_target_: RandBiasFieldd, keys: image}\n")
    answer = train(monkeypatch, imagecas_dir, tmp_path / "run", overlay)
    assert answer.code == 2 and f"'train:' in {overlay} replaces all of train" in answer.last
    assert "'+train#KEY: ...'" in answer.last


@pytest.mark.parametrize(
    ("overlay", "sentence"),
    [
        ("geometry:\n  smoothing: none\n", "replaces all of geometry"),
        ("geometry:\n  smoothing: none\n", "'geometry#KEY: ...'"),
        ("geometry#smooothing: none\n", "did you mean geometry#smoothing?"),
        ("+geometry#smooothing: none\n", "ExportOptions does not take"),
    ],
)
def test_an_overlay_that_says_something_wrong_of_a_component(
    overlay, sentence, imagecas_dir, tmp_path, weights, monkeypatch
):
    (tmp_path / "mine.yaml").write_text(overlay)
    files = str([INFERENCE, str(tmp_path / "mine.yaml")])
    scan = imagecas_dir / "1-200" / "1.img.nii.gz"
    keys = {"dataset_dir": scan, "output_dir": tmp_path / "eval", "ckpt_path": weights, "device": "cpu"}
    answer = typed(monkeypatch, "inference", f"--config_file={files}", *flags(**keys, network_def=CONTRAST))
    assert answer.code == 2 and sentence in answer.last and "mine.yaml" in answer.last
    assert not (tmp_path / "eval").exists()


@pytest.mark.parametrize("interrupted", [False, True], ids=["a fault", "Ctrl+C"])
def test_a_fault_is_one_line_with_a_way_to_its_traceback(interrupted, imagecas_dir, tmp_path, monkeypatch):
    error = "KeyboardInterrupt()" if interrupted else "ZeroDivisionError('by nothing')"
    (tmp_path / "mine.yaml").write_text(f"loss: $(_ for _ in ()).throw({error})\n")
    answer = train(monkeypatch, imagecas_dir, tmp_path / "run", tmp_path / "mine.yaml")
    if interrupted:
        assert answer.code == 130 and answer.last == "error: stopped by Ctrl+C."
    else:
        assert answer.code == 1 and "ZeroDivisionError: by nothing" in answer.last
        assert "--traceback true" in answer.last
    assert not (tmp_path / "run").exists()


def test_five_lines_at_most_before_the_first_result(imagecas_dir, tmp_path, weights, monkeypatch):
    """Of scans that look like a chest: those that do not are named, a line each."""
    monkeypatch.setattr("bundle.transforms.load_cta.logger.warning", lambda *_: None)
    answer = train(monkeypatch, imagecas_dir, tmp_path / "run", max_epochs=3)
    before = answer.out.partition("epoch 1/3: loss")[0].splitlines()
    assert answer.code == 0 and len(before) <= 5
    assert "training on the CPU: 3 training and 1 validation cases, 2 steps an epoch, 3 epochs" in answer.out
    assert "to go for 2 epochs more" in answer.out
    log = (tmp_path / "run" / "run.log").read_text()
    assert "input summary" in log and "Engine run resuming" in log and "epoch 3/3: loss" in log
    for chatter in ("input summary", "Engine run", "Setting logging"):
        assert chatter not in answer.out

    keys = {"spatial_size": [48, 48, 32]}
    scan = imagecas_dir / "1-200" / "1.img.nii.gz"
    answer = infer(monkeypatch, scan, tmp_path / "eval", weights, **keys)
    assert answer.code == 0 and len(answer.out.partition("' is done")[0].splitlines()) <= 5
    assert "Engine run" in (tmp_path / "eval" / "run.log").read_text()


def test_a_training_that_broke_off_leaves_the_log_of_the_next_run_alone(
    imagecas_dir, tmp_path, weights, monkeypatch
):
    broken = {"loss": "$lambda *_: 1 / 0"}
    answer = train(monkeypatch, imagecas_dir, tmp_path / "run", **broken)
    assert answer.code == 1 and "ZeroDivisionError" in answer.last
    start = CaseProgress.start

    def collect_and_start(*words):
        gc.collect()  # what the training held open is closed now, at the latest
        start(*words)

    monkeypatch.setattr(CaseProgress, "start", collect_and_start)
    scan = imagecas_dir / "1-200" / "1.img.nii.gz"
    answer = infer(monkeypatch, scan, tmp_path / "eval", weights, spatial_size=[48, 48, 32])
    assert answer.code == 0 and "case '1' is done" in answer.out


@pytest.mark.slow
def test_in_a_terminal_a_fault_is_one_line_and_shows_its_traceback_when_asked(imagecas_dir, tmp_path):
    fault = {"loss": "$1/0", "dataset_dir": imagecas_dir, "output_dir": tmp_path / "run"}
    done = run(**fault)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr.splitlines()[-1]
    done = run(**fault, traceback="true")
    assert done.returncode == 1 and "Traceback" in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_in_a_terminal_no_line_sticks_to_the_bar_and_ctrl_c_is_one_line(imagecas_dir, tmp_path):
    import fcntl
    import os
    import pty
    import struct
    import termios

    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # else the bar has no room
    words = command(dataset_dir=imagecas_dir, output_dir=tmp_path / "run", max_epochs=1000)
    process = subprocess.Popen(words, cwd=ROOT, env=environment(), stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown, deadline, stopped = b"", time.monotonic() + 120, False
    while time.monotonic() < deadline:
        try:
            shown += os.read(screen, 65536)
        except OSError:
            break  # the program has ended
        if not stopped and b"epoch 3/1000" in shown:
            process.send_signal(signal.SIGINT)
            stopped = True
    assert process.wait(timeout=60) == 130
    lines = shown.decode().replace("\r\n", "\n").split("\n")
    assert lines[-2].split("\r")[-1] == "error: stopped by Ctrl+C." and "Traceback" not in shown.decode()
    results = [line.split("\r")[-1] for line in lines if ": loss" in line and "/1000" in line]
    assert b"it/s" in shown or b"s/it" in shown  # the bar
    assert len(results) >= 3 and all(line[:2].isdigit() for line in results)  # each begins with the time
