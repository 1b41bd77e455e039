"""A case with all its files and the series that it was made of, made once."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from ct_series import ct_series, heart_case

from bundle.dicom import write_dicom

AFFINE = np.array([[-1.0, 0, 0, 55], [0, -1, 0, 50], [0, 0, 1, -75], [0, 0, 0, 1]])
SHAPE = (112, 104, 100)  # pixels of a slice a multiple of 8: GDCM needs it of masks


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folder of the case "a" and its source, not to be changed."""
    root = tmp_path_factory.mktemp("heart")
    mask = heart_case(root / "a", "a", AFFINE, SHAPE)
    return root / "a", ct_series(root / "ct", np.where(mask, 400, 0).astype(np.int16), AFFINE)


@pytest.fixture(scope="session")
def objects(made, tmp_path_factory):
    """Folder, source and the three objects of the case, not to be changed."""
    folder, volume = made
    copy = tmp_path_factory.mktemp("objects") / "a"
    shutil.copytree(folder, copy)
    return copy, volume, write_dicom(volume, copy, "a")


@pytest.fixture
def finished(made, tmp_path):
    """A copy of both, to be changed."""
    folder, volume = made
    shutil.copytree(folder, tmp_path / "a")
    return tmp_path / "a", volume
