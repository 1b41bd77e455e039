"""The trials of docs/results/robustness.md, small; whole ones are run by hand or with -m slow."""

import csv
import re
import subprocess
import sys

import pytest
from script_call import study
from shared import ROOT


def rows(name, folder):
    with open(folder / f"robustness_{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def run(name, folder, *words):
    """A study in a process of its own, which it forks or weighs."""
    command = [sys.executable, "scripts/study.py", "robustness", name, "--out", folder, *words]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return rows(name, folder)


@pytest.mark.parametrize(("kills", "cases"), [(2, 2), pytest.param(20, 5, marks=pytest.mark.slow)])
def test_killed_runs_come_to_the_same_files(kills, cases, tmp_path):
    """The study ends with an error where one file is lost."""
    assert len(run("kills", tmp_path, "--kills", kills, "--cases", cases)) == kills
    page = (tmp_path / "robustness.md").read_text()
    _, _, _, compared, lost, _ = re.search(r"^\| (\d.*) \|$", page, re.MULTILINE)[1].split(" | ")
    assert int(lost) == 0 and int(compared) >= 10 * cases


@pytest.mark.parametrize("count", [3, pytest.param(48, marks=pytest.mark.slow)])
def test_the_order_of_the_axes_does_not_move_the_tree(count, tmp_path):
    assert study("robustness", "orientations", "--count", count, "--out", tmp_path) == 0
    found = rows("orientations", tmp_path)
    assert len(found) == count - 1
    for row in found:
        assert int(row["mask_voxels"]) == 0
        for name in ("affine_mm", "mesh_max_mm", "centerline_max_mm"):
            assert float(row[name]) < 1e-3, name


@pytest.mark.slow
def test_memory_stays_flat_over_thirty_cases(tmp_path):
    held = [float(row["held_mib"]) for row in run("memory", tmp_path, "--cases", 30)]
    assert len(held) == 30
    early, last = held[5:13], held[-8:]
    assert sum(last) / 8 - sum(early) / 8 < 40
