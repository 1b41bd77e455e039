"""Runs on a Ray of this machine: what one process gives, from more than one worker."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time

import pytest
from cluster_results import KEYS, OPTIONS, contents, table
from inference_run import CONTRAST
from script_call import study
from studies.cluster import case_workers
from tube_cases import tube_case
from typed import ROOT, coronary, sets

from bundle.networks import save_weights
from tests.helpers.contrast_network import ContrastNetwork

pytest.importorskip("ray")


@pytest.fixture
def scans(tmp_path):
    """Three scans and a file that is none, and weights."""
    for number in range(3):
        tube_case(tmp_path / "scans", f"c{number}", seed=number)
    (tmp_path / "scans" / "broken.img.nii.gz").write_bytes(b"not an image")
    save_weights(ContrastNetwork(), tmp_path / "contrast.pt")
    return tmp_path


def test_workers_give_the_files_and_the_table_of_one_process(scans, monkeypatch):
    """And a second run keeps them, in one process or on workers."""
    monkeypatch.chdir(scans)
    words = ("segment", "scans", *OPTIONS, *sets(**KEYS, ckpt_path="contrast.pt"))
    spread = ("--cluster", "local", *sets(**{"cluster#num_cpus": 0.5, "cluster#local_cpus": 1}))
    one = coronary(monkeypatch, *words, "--out", "one")
    several = coronary(monkeypatch, *words, "--out", "several", *spread)
    assert several.code == one.code == 1
    assert several.last == one.last.replace("one/", "several/")
    assert "1 of 4 cases failed, first 'broken'" in several.last
    assert table(scans / "several") == table(scans / "one")
    assert contents(scans / "several") == contents(scans / "one")
    assert {path.name for path in (scans / "several").iterdir()} == {
        "c0", "c1", "c2", "index.html", "run.log", "summary.csv",
    }  # fmt: skip
    assert "case 'c2' is done" in (scans / "several" / "run.log").read_text()

    kept = coronary(monkeypatch, *words, "--out", "several")
    assert kept.code == 1 and [row["kept"] for row in table(scans / "several")] == ["", "yes", "yes", "yes"]

    (scans / "mine.yaml").write_text("geometry#formats: [obj]\n")
    again = coronary(monkeypatch, *words, "--out", "several", *spread, "--config", "mine.yaml")
    line = "3 finished cases are made again, in place of what is there: now asked for with mine.yaml"
    assert again.code == 1 and again.out.count("made again, in place of") == 1
    assert line in again.out.partition("case 'c0'")[0], "before the first of them is over"
    assert line in (scans / "several" / "run.log").read_text()


def program(scans, out, seconds, *words):
    """`coronary segment` on four workers, whose network takes so many seconds."""
    keys = KEYS | {"ckpt_path": str(scans / "contrast.pt"), "network_def": CONTRAST | {"seconds": seconds}}
    keys |= {"cluster#num_cpus": 0.25, "cluster#local_cpus": 1}
    command = [sys.executable, "-m", "bundle.command", "segment", str(scans / "scans"), "--out", str(out)]
    command += ["--cluster", "local", *OPTIONS, *sets(**keys), *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, start_new_session=True, **streams)


def wait_for(run, done):
    while not done():
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)


@pytest.mark.slow
def test_ctrl_c_ends_in_one_sentence_and_leaves_no_half_case(scans):
    run = program(scans, scans / "out", 60)
    wait_for(run, lambda: case_workers(run.pid))
    time.sleep(2)
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode in (130, -signal.SIGINT), errors  # a shell shows 130 for both
    assert errors.strip().splitlines()[-1] == "error: stopped by Ctrl+C."
    assert {path.name for path in (scans / "out").iterdir()} <= {"run.log", "summary.csv"}


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_of_forty_scans_none_is_lost_or_made_twice_where_ten_workers_are_killed(tmp_path):
    """The study itself ends with an error where one is."""
    words = ("--scans", 40, "--kills", 10, "--workers", 4, "--cores", 2, "--out", tmp_path)
    assert study("cluster", *words) == 0
    with open(tmp_path / "cluster.csv", newline="") as file:
        killed = list(csv.DictReader(file))[-1]
    assert (killed["kills"], killed["lost"], killed["twice"], killed["different"]) == ("10", "0", "0", "0")
