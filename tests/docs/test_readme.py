"""The README's commands and its Python example: what a reader copies works."""

from __future__ import annotations

import re
import shlex
import sys
from functools import partial
from pathlib import Path

import matplotlib
import pytest
import pyvista as pv
import torch
import yaml
from contrast_network import ContrastNetwork
from logging_kept import logging_kept
from monai.bundle import ConfigParser
from tube_cases import tube_case

import bundle
from bundle.common.command_line import check_overrides
from bundle.networks import save_weights

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """The words of each `monai.bundle run` in the code blocks of a page."""
    text = "\n".join(blocks(page, "(?:bash|sh)?")).replace("$ROOT/", "")  # of `coronary --bundle-root`
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if "monai.bundle run" in line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_name_keys_that_the_configs_have(page):
    for words in commands(page):
        if "..." in words:
            continue
        run_id, *rest = words[words.index("run") + 1 :]  # what stands before is torchrun's
        keys = {key.removeprefix("--"): value for key, value in zip(rest[::2], rest[1::2])}
        files = keys.pop("config_file")
        files = yaml.safe_load(files) if files.startswith("[") else [files]
        typed = {key: yaml.safe_load(value) for key, value in keys.items() if key != "tracking"}
        check_overrides([str(ROOT / file) for file in files], typed, run_id)


def test_the_overlays_of_the_pages_build(tmp_path):
    (network,) = blocks(ROOT / "docs" / "how-to" / "network.md", "yaml")
    (transform,) = blocks(ROOT / "docs" / "how-to" / "transform.md", "yaml")
    (tmp_path / "network.yaml").write_text(network)
    (tmp_path / "transform.yaml").write_text(transform)
    files = [ROOT / "configs" / "train.yaml", tmp_path / "network.yaml", tmp_path / "transform.yaml"]
    config = ConfigParser(ConfigParser.load_config_files([str(file) for file in files]))
    config["device"] = "cpu"
    built = config.get_parsed_content("network")
    assert built(torch.zeros(1, 1, 16, 16, 8)).shape == (1, 1, 16, 16, 8)
    steps = config.get_parsed_content("train#preprocessing").transforms
    assert type(steps[-1]).__name__ == "RandBiasFieldd"


def test_the_layout_of_the_how_to_is_found(tmp_path, monkeypatch):
    from bundle.common.filenames import split_suffix
    from bundle.data import find_cases
    from bundle.data.datasets import CaseIndex

    (code,) = blocks(ROOT / "docs" / "how-to" / "data_set.md", "python")
    names = {"split_suffix": split_suffix, "CaseIndex": CaseIndex, "Path": Path}
    exec(compile(code, "data_set.md", "exec"), names)
    recognise = sys.modules["bundle.data.datasets.recognise"]  # the face has a function of that name
    monkeypatch.setattr(recognise, "_LAYOUTS", (names["read_my_layout"],))
    for number in range(5):
        for kind in ("ct", "lumen"):
            (tmp_path / f"{kind}_{number}.nii.gz").touch()
    parts = find_cases(tmp_path)
    assert {part: len(cases) for part, cases in parts.items()} == {"train": 3, "validation": 1, "test": 1}
    assert parts["test"][0]["label"].endswith(f"lumen_{parts['test'][0]['case']}.nii.gz")


def test_the_python_example_prints_and_plots(tmp_path, monkeypatch, capsys):
    (code,) = blocks(ROOT / "README.md", "python")
    item = tube_case(tmp_path / "scans", "tubes")
    save_weights(ContrastNetwork(), tmp_path / "contrast.pt")
    keys = {
        "network_def": {"_target_": "tests.helpers.contrast_network.ContrastNetwork"},
        "spatial_size": [48, 48, 32],
        "ckpt_path": str(tmp_path / "contrast.pt"),
    }
    scan = "data/demo/1-200/1.img.nii.gz"  # that `make demo` makes
    assert scan in code and len(code.splitlines()) <= 20
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bundle, "segment", partial(bundle.segment, **keys), raising=False)
    matplotlib.use("agg")
    with logging_kept():
        exec(compile(code.replace(scan, item["image"]), "README.md", "exec"), {})
    said = capsys.readouterr().out.splitlines()
    diameters = [float(line.split()[-1]) for line in said if re.fullmatch(r"\w+ [\d.]+ [\d.]+", line)]
    assert diameters and all(diameter == pytest.approx(6, abs=0.5) for diameter in diameters)
    assert pv.read("wall.ply").n_cells > 100 and Path("diameters.png").stat().st_size > 1000


def test_the_steps_of_the_how_to_measure_and_plot(tmp_path, monkeypatch, capsys):
    code, _ = blocks(ROOT / "docs" / "how-to" / "python.md", "python")[:2]
    item = tube_case(tmp_path / "scans", "tubes")
    save_weights(ContrastNetwork(), tmp_path / "contrast.pt")
    config = ConfigParser.load_config_file(ROOT / "configs" / "inference.yaml") | {
        "network_def": {"_target_": "tests.helpers.contrast_network.ContrastNetwork"},
        "spatial_size": [48, 48, 32],
        "ckpt_path": str(tmp_path / "contrast.pt"),
    }
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inference.yaml").write_text(yaml.safe_dump(config))
    scan = "data/demo/1-200/1.img.nii.gz"  # that `make demo` makes
    assert scan in code
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))
    matplotlib.use("agg")
    exec(compile(code.replace(scan, item["image"]), "python.md", "exec"), {})
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2 and all(float(diameter) == pytest.approx(6, abs=0.5) for *_, diameter in rows)
    assert (tmp_path / "diameters.png").stat().st_size > 1000
