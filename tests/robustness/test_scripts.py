"""The trials of docs/robustness.md, small; whole ones are run by hand or with -m slow."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words):
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def figures(text):
    """``key: value`` lines, as fire prints a dictionary."""
    return {key: float(value) for key, value in re.findall(r"^(\w+): +([\d.e+-]+)$", text, re.MULTILINE)}


@pytest.mark.parametrize(("kills", "cases"), [(2, 2), pytest.param(20, 5, marks=pytest.mark.slow)])
def test_killed_runs_come_to_the_same_files(kills, cases):
    found = figures(run("scripts/check_kills.py", "--kills", kills, "--cases", cases))
    assert found["lost"] == 0 and found["files_compared"] >= 10 * cases


@pytest.mark.parametrize("count", [3, pytest.param(48, marks=pytest.mark.slow)])
def test_the_order_of_the_axes_does_not_move_the_tree(count):
    found = figures(run("scripts/check_orientations.py", "--count", count))
    assert (found["orders"], found["largest_mask_voxels"]) == (count, 0)
    for name in ("affine_mm", "mesh_max_mm", "centerline_max_mm"):
        assert found[f"largest_{name}"] < 1e-3, name


@pytest.mark.slow
def test_memory_stays_flat_over_thirty_cases():
    text = run("scripts/check_memory.py", "--cases", 30)
    found = json.loads(text[text.index("{") :])
    assert found["cases"] == 30
    assert found["mean_of_last_third_mib"] - found["mean_of_early_third_mib"] < 40
