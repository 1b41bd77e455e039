"""The scripts for Slurm: sound shell, and commands, options and keys that are there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typed import ROOT, coronary

from bundle.command import read_overrides
from bundle.common.command_line import check_overrides

SCRIPTS = sorted((ROOT / "docs" / "how-to" / "slurm").glob("*.sbatch"))


def words_of(script: Path) -> list[str]:
    """The words behind `srun`."""
    text = script.read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^srun (.*)$", text, re.MULTILINE)
    return shlex.split(line)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    program = shutil.which("shellcheck", path=Path(sys.executable).parent) or shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run([program, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_options_of_the_job_are_at_the_top_and_it_ends_on_an_error(script):
    """Slurm reads no option behind the first command."""
    lines = script.read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
    options = [n for n, line in enumerate(lines) if line.startswith("#SBATCH --")]
    assert lines[0] == "#!/bin/bash" and options and max(options) < first
    assert lines[first] == "set -euo pipefail"
    assert {"--nodes", "--gres", "--time"} <= {lines[n].split()[1].partition("=")[0] for n in options}


def test_the_segmentation_has_options_and_keys_that_are_there(monkeypatch):
    words = words_of(next(path for path in SCRIPTS if path.name == "segment.sbatch"))
    command = words[words.index("--") + 1 :]
    assert command[:2] == ["coronary", "segment"]
    known = set(re.findall(r"--[\w-]+", coronary(monkeypatch, "segment", "--help").out))
    assert {word for word in command if word.startswith("--")} <= known
    pairs = [command[n + 1] for n, word in enumerate(command) if word == "--set"]
    files = [
        str(ROOT / "configs" / name) for name in ("inference.yaml", "modes/native.yaml", "modes/cluster.yaml")
    ]
    check_overrides(files, read_overrides(pairs))


def test_the_training_has_keys_that_are_there():
    words = words_of(next(path for path in SCRIPTS if path.name == "train.sbatch"))
    files = [
        str(ROOT / name) for name in re.findall(r"configs/\w+\.yaml", words[words.index("--config_file") + 1])
    ]
    keys = [word[2:] for word in words[words.index("--config_file") + 2 :] if word.startswith("--")]
    values = {"batch_size": 1, "resume": False, "max_minutes": 220}
    check_overrides(files, {key: values.get(key, "x") for key in keys}, "training")
