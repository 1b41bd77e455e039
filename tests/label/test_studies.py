"""Which folder MONAI Label serves; needs no MONAI Label."""

import fnmatch
import subprocess
import sys
from pathlib import Path

import itk
import numpy as np
import pytest
from tube_cases import tube_case

from bundle.common.errors import InputError
from bundle.label import ENDINGS, study_folder

ROOT = Path(__file__).resolve().parents[2]


def served(folder):
    """The scans that MONAI Label lists in a folder: files directly in it, by their endings."""
    return sorted(f.name for f in folder.iterdir() if any(fnmatch.fnmatch(f.name, f"*{e}") for e in ENDINGS))


def mha(path):
    itk.imwrite(itk.image_from_array(np.arange(512, dtype=np.int16).reshape(8, 8, 8)), str(path))


def test_a_folder_of_scans_is_served_as_it_is(tmp_path):
    mha(tmp_path / "a.mha")
    (tmp_path / "labels" / "final").mkdir(parents=True)  # MONAI Label's own
    assert study_folder(tmp_path, tmp_path / "links") == tmp_path
    assert served(tmp_path) == ["a.mha"]


@pytest.mark.parametrize("inside", ["", "1-200"])
def test_imagecas_is_served_as_links_without_its_labels(tmp_path, inside):
    data = tmp_path / "data"
    for number in (1, 2):
        tube_case(data / "1-200", number)
    before = sorted(data.rglob("*"))
    folder = study_folder(data / inside, tmp_path / "links")
    assert served(folder) == ["1.nii.gz", "2.nii.gz"]
    assert (folder / "1.nii.gz").resolve() == (data / "1-200" / "1.img.nii.gz").resolve()
    label = folder / "labels" / "final" / "1.nii.gz"
    label.parent.mkdir(parents=True)
    label.touch()
    (data / "1-200" / "2.img.nii.gz").unlink()
    assert study_folder(data / inside, tmp_path / "links") == folder
    assert served(folder) == ["1.nii.gz"] and label.exists()
    assert sorted(data.rglob("*")) == [f for f in before if f.name != "2.img.nii.gz"]


def test_a_header_with_its_voxels_beside_it_cannot_be_linked(tmp_path):
    (tmp_path / "case").mkdir()
    mha(tmp_path / "case" / "a.mhd")
    with pytest.raises(InputError, match="write it as"):
        study_folder(tmp_path, tmp_path / "links")


def test_a_mistyped_folder_is_not_made(tmp_path):
    command = [sys.executable, "scripts/label.py", "--studies", str(tmp_path / "scnas")]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 2 and "no folder" in child.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())
