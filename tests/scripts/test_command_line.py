"""What every script's command line does: help with examples, a sentence for a mistake."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
import typer
from script_call import call, study
from shared import ROOT, settings

from bundle.common.errors import InputError

SCRIPTS = ("demo", "make_phantoms", "train_default", "train_native", "reconstruct", "register",
           "label")  # fmt: skip
ALONE = ("ablation", "accuracy", "calibration", "cluster", "degraded", "dicom_faults",
         "dicom_planted", "geometry", "geometry_scans", "joins", "label", "mean_heart", "mistakes",
         "narrowings", "native", "paper", "postprocessing", "real_names", "register", "scale",
         "sets", "volume_mesh")  # fmt: skip
PARTS = {
    "dicom_objects": ("readers", "scene", "validator"),
    "pictures": ("overlay", "page", "tensorboard"),
    "robustness": ("fuzz", "kills", "memory", "orientations"),
    "speed": (
        "crops",
        "dashboard",
        "geometry",
        "inference",
        "page",
        "peer",
        "phantoms",
        "precision",
        "runtimes",
        "several_gpus",
        "training",
    ),
}
STUDIES = [(name,) for name in ALONE] + [(group, part) for group, parts in PARTS.items() for part in parts]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_explains_itself(name, capsys):
    script = importlib.import_module(name)
    assert f"python scripts/{name}.py" in script.__doc__
    assert call(script.main, "--help") == 0
    assert call(script.main, "--no-such-option") == 2
    assert "No such option: --no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize("words", STUDIES, ids=" ".join)
def test_a_study_explains_itself(words, capsys):
    assert study(*words, "--help") == 0
    assert f"python scripts/study.py {' '.join(words)}" in capsys.readouterr().out
    assert study(*words, "--no-such-option") == 2
    assert "No such option: --no-such-option" in capsys.readouterr().err


def test_all_studies_stand_in_the_help_with_a_line_each(capsys):
    assert study("--help") == 0
    lines = capsys.readouterr().out.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == sorted([*ALONE, *PARTS], key=[*ALONE, *PARTS].index)
    for group, parts in PARTS.items():
        assert study(group, "--help") == 0
        lines = capsys.readouterr().out.split("Commands:\n")[1].splitlines()
        assert tuple(line.split()[0] for line in lines) == parts


def test_the_help_does_not_wait_for_torch():
    code = "import sys; from study import studies; studies([]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts").returncode == 0


def test_bad_input_ends_in_its_sentence(capsys):
    def main(file: str):
        try:
            raise InputError(f"{file} is no scan")
        except InputError as error:
            raise RuntimeError("in a transform") from error

    assert call(main, "x.txt") == 2
    assert capsys.readouterr().err == "error: x.txt is no scan\n"


def test_a_fault_of_the_program_keeps_its_traceback():
    def main():
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        call(main)


def test_settings_are_yaml():
    pairs = ["batch_size=2", "channels=[4,8]", "norm=batch", "amp=false", "device=a=b", "learning_rate=1e-4"]
    assert settings(pairs, "train.yaml") == {
        "batch_size": 2,
        "channels": [4, 8],
        "norm": "batch",
        "amp": False,
        "device": "a=b",
        "learning_rate": 1e-4,
    }


@pytest.mark.parametrize("pair", ["batch_size", "channels=[4,"])
def test_a_setting_that_is_none_is_named(pair):
    with pytest.raises(typer.BadParameter, match=pair.replace("[", r"\[")):
        settings([pair], "train.yaml")


@pytest.mark.parametrize(
    ("pair", "words"), [("batchsize=2", "did you mean batch_size"), ("batch_size=two", "a whole number")]
)
def test_a_mistyped_setting_is_refused(pair, words):
    with pytest.raises(InputError, match=words):
        settings([pair], "train.yaml", "modes/phantom_pool.yaml")


def test_a_study_refuses_a_mistyped_setting_before_it_makes_anything(tmp_path, capsys):
    assert study("accuracy", "--data", tmp_path / "data", "--set", "spatial_sise=[32,32,16]") == 2
    assert "did you mean spatial_size" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
