"""scripts/make_phantoms.py, and how scripts/label.py ends where MONAI Label is missing."""

import importlib.util

import label
import nibabel as nib
import pytest
from make_phantoms import main
from script_call import call


def test_a_data_set_of_any_matrix(tmp_path, capsys):
    words = ("--count", 1, "--first-seed", 5, "--shape", 32, 24, 16, "--processes", 1)
    assert call(main, *words, "--out", tmp_path) == 0
    assert "1 cases and their split" in capsys.readouterr().out
    image = nib.load(tmp_path / "1-200" / "1.img.nii.gz")
    assert sorted(image.shape) == [16, 24, 32]
    assert (tmp_path / "imageCAS_data_split.xlsx").is_file()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--small", "--shape", 32, 32, 32), "exclude each other"),
        (("--shape", 8, 32, 32), "at least 16 voxels"),
        (("--count", 0), "--count"),
        (("--first-seed", -1), "--first-seed"),
    ],
)
def test_an_impossible_data_set_is_refused(words, sentence, tmp_path, capsys):
    assert call(main, *words, "--out", tmp_path / "data") == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_file_for_the_folder_is_named_before_anything_is_made(tmp_path, capsys):
    (tmp_path / "note").write_text("mine")
    assert call(main, "--small", "--count", 1, "--out", tmp_path / "note") == 2
    assert f"--out '{tmp_path / 'note'}' cannot be a folder" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("monailabel") is not None, reason="MONAI Label is installed")
def test_without_monai_label_its_script_names_the_environment(capsys):
    assert call(label.main) == 1
    assert ".venv-label" in capsys.readouterr().err
