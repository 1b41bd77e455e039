"""The program `coronary` itself: help, versions, how it ends, completion."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest
from small_run import ROOT
from typed import coronary

import bundle
from bundle.command.app import COMMANDS


def fails(monkeypatch, error: BaseException) -> None:
    """Let `coronary phantoms` end in `error`."""

    def write_imagecas(*_, **__):
        raise error

    monkeypatch.setattr("bundle.phantom.write_imagecas", write_imagecas)


def test_the_help_lists_every_command_with_a_line(monkeypatch):
    answer = coronary(monkeypatch, "--help")
    listed = answer.out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed if line[2] != " "] == list(COMMANDS)
    assert "Exit codes: 0" in answer.out and "130" in answer.out


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself_with_examples(name, monkeypatch):
    answer = coronary(monkeypatch, name, "--help")
    assert answer.code == 0 and answer.out.startswith(f"Usage: coronary {name} ")
    about = importlib.import_module(f"bundle.command.{name}").__doc__
    examples = [line for line in about.splitlines() if line.startswith(f"  coronary {name}")]
    assert examples and all(line in answer.out for line in examples)
    answer = coronary(monkeypatch, name, "--no-such-option")
    assert answer.code == 2 and answer.last.startswith("Error: No such option: --no-such-option")


def test_the_version_is_the_package_s(monkeypatch):
    assert coronary(monkeypatch, "--version")[:2] == (0, f"coronary {bundle.__version__}\n")


def test_the_folder_of_the_configs_is_printed_for_monai_bundle(monkeypatch):
    assert coronary(monkeypatch, "--bundle-root")[:2] == (0, f"{ROOT}\n")


def test_a_mistyped_command_names_the_right_one(monkeypatch):
    answer = coronary(monkeypatch, "segmnt")
    assert answer.code == 2 and "'segmnt'" in answer.last and "'segment'" in answer.last


def test_the_help_waits_neither_for_torch_nor_for_vtk(tmp_path):
    code = (
        "import sys\nfrom bundle.command import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print({'torch', 'monai', 'vtkmodules', 'numpy'} & set(sys.modules))\n"
    )
    for words in (["--help"], ["segment", "--help"], ["train", "--help"], ["phantoms", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and done.stdout.splitlines()[-1] == "set()", words


def test_ctrl_c_is_one_line_and_130(tmp_path, monkeypatch):
    fails(monkeypatch, KeyboardInterrupt())
    answer = coronary(monkeypatch, "phantoms", "--out", tmp_path)
    assert answer.code == 130 and answer.err == "error: stopped by Ctrl+C.\n"


def test_a_fault_is_one_line_and_shows_its_traceback_when_asked(tmp_path, monkeypatch):
    fails(monkeypatch, ZeroDivisionError("by nothing"))
    answer = coronary(monkeypatch, "phantoms", "--out", tmp_path)
    assert answer.code == 1 and len(answer.err.splitlines()) == 1
    assert "ZeroDivisionError: by nothing" in answer.last
    assert answer.last.endswith("; --traceback shows the way there.")
    answer = coronary(monkeypatch, "phantoms", "--out", tmp_path, "--traceback")
    assert answer.code == 1 and "ZeroDivisionError: by nothing" in answer.last
    assert "Traceback (most recent call last)" in answer.err and "phantoms.py" in answer.err


@pytest.mark.parametrize(("typed", "completed"), [("seg", "segment"), ("segment --mo", "--mode")])
def test_a_shell_completes_commands_and_options(typed, completed, tmp_path):
    asked = {"_CORONARY_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": f"coronary {typed}"}
    done = subprocess.run(
        [sys.executable, "-m", "bundle.command"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | asked,
        capture_output=True,
        text=True,
    )
    assert completed in done.stdout, done.stderr
