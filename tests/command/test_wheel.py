"""What pip installs: the wheel carries configs, weights and metadata, and finds them from any folder."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from tube_cases import tube_volume
from typed import ROOT

from bundle.common.nifti import write_nifti

BUILT_FROM = ("bundle", "configs", "models", "pyproject.toml", "setup.py", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, since a build leaves folders behind."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, copy / name)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, out], cwd=copy, check=True, capture_output=True)
    (file,) = out.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def python(installed, folder, *words) -> subprocess.CompletedProcess:
    """Python with the unpacked wheel in place of the checkout, in another folder."""
    surroundings = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    words = [sys.executable, *map(str, words)]
    return subprocess.run(words, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=300)


def test_a_wheel_holds_all_configs_and_the_weights_and_stays_below_40_mb(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    configs = {f"bundle/root/{file.relative_to(ROOT)}" for file in (ROOT / "configs").rglob("*.*")}
    weights = {f"bundle/root/models/{file.name}" for file in (ROOT / "models").glob("*.pt")}
    assert configs | weights | {"bundle/root/models/training_card.json"} == {
        name for name in names if name.startswith("bundle/root/")
    }
    code = {str(file.relative_to(ROOT)) for file in (ROOT / "bundle").rglob("*.py")}
    served = {name for name in code if "without_torchvision" in name}  # MONAI Label is served from a checkout
    assert code - served == {name for name in names if name.endswith(".py")}
    pages = {str(file.relative_to(ROOT)) for file in (ROOT / "bundle" / "report" / "assets").iterdir()}
    assert pages <= names
    assert wheel.stat().st_size <= 40e6


def test_its_program_is_coronary(wheel):
    archive = zipfile.ZipFile(wheel)
    (file,) = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
    assert archive.read(file).decode().split("\n")[:2] == [
        "[console_scripts]",
        "coronary = bundle.command:main",
    ]


@pytest.mark.slow
def test_the_configs_of_an_installed_package_find_their_weights(installed, tmp_path):
    code = (
        "from monai.bundle import ConfigParser\n"
        "from bundle.common.root import bundle_root\n"
        "files = [bundle_root() / 'configs' / n for n in ('evaluate.yaml', 'modes/native.yaml')]\n"
        "config = ConfigParser(ConfigParser.load_config_files(list(map(str, files))))\n"
        "config['bundle_root'] = str(bundle_root())\n"
        "print(config.get_parsed_content('coarse_ckpt_path'))\n"
        "print(type(config.get_parsed_content('checkpointloader')).__name__)\n"
    )
    done = python(installed, tmp_path, "-c", code)
    lines = done.stdout.splitlines()
    assert lines == [str(installed / "bundle" / "root" / "models" / "model.pt"), "ResUNet3D"], done.stderr


@pytest.mark.slow
def test_the_doctor_finds_an_unpacked_wheel_whole_and_segments_with_it(installed, tmp_path):
    done = python(installed, tmp_path, "-m", "bundle.command", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith("ok ")}
    assert str(installed / "bundle") in lines["coronary"]
    assert {"model.pt", "native_checkpoint.pt", "tiny"} <= set(lines)
    assert not list(tmp_path.iterdir())


def told_run(installed, folder, *more) -> subprocess.CompletedProcess:
    """The lines of docs/how-to/command.md for `python -m monai.bundle`, with the unpacked wheel installed."""
    page = (ROOT / "docs" / "how-to" / "command.md").read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (block,) = [text for _, text in blocks if "monai.bundle run" in text]
    programs = folder.parent / f"{folder.name}-programs"
    programs.mkdir()
    for name, words in (("python", ""), ("coronary", " -m bundle.command")):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{words} "$@"\n')
        (programs / name).chmod(0o755)
    surroundings = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    surroundings["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    script = " ".join([block.rstrip(), *map(shlex.quote, more)])
    return subprocess.run(
        ["sh", "-e", "-c", script], cwd=folder, env=surroundings, capture_output=True, text=True, timeout=300
    )


def test_what_is_told_of_monai_bundle_finds_configs_and_weights_from_any_folder(installed, tmp_path):
    """The scan is the first thing that is missing: it is looked for when the weights have been read."""
    (tmp_path / "elsewhere").mkdir()
    done = told_run(installed, tmp_path / "elsewhere", "--device", "cpu", "--runtime", "torch")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: dataset_dir 'scan.nii.gz' does not exist"), (
        done.stderr
    )
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.slow
def test_what_is_told_of_monai_bundle_segments_from_any_folder(installed, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    image, _ = tube_volume((40, 40, 40), (1.0, 1.0, 1.0))
    write_nifti(tmp_path / "elsewhere" / "scan.nii.gz", image, np.eye(4))
    done = told_run(installed, tmp_path / "elsewhere", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {"scan.nii.gz", "results"}
    assert (tmp_path / "elsewhere" / "results" / "elsewhere" / "elsewhere_seg.nii.gz").is_file()
