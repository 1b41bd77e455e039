"""The study that has DICOM objects read by others: what is not installed, and that a wrong voxel is told."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from ct_series import ct_series, heart_case
from studies.dicom_objects import readers

from bundle.dicom import write_dicom

AFFINE = np.array([[-2.0, 0, 0, 60], [0, -2, 0, 58], [0, 0, 2, -85], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    root = tmp_path_factory.mktemp("readers")
    mask = heart_case(root / "a", "a", AFFINE, (60, 58, 60))
    volume = ct_series(root / "ct", np.where(mask, 400, 0).astype(np.int16), AFFINE)
    write_dicom(volume, root / "a", "a")
    return readers.Case(root / "a", "a", root / "ct", volume)


def test_what_is_not_installed_is_said_in_the_table(case, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda name: None)
    rows = list(readers.measured(case, None, None, tmp_path / "picture.png"))
    assert {row["verdict"] for row in rows} == {"not run"} and len(rows) == 5
    assert all("not" in row["found"] or "no " in row["found"] for row in rows)


def test_a_voxel_that_a_reader_has_elsewhere_is_counted(case, tmp_path):
    """The reader gives a part of the slices, and the axes the other way round."""
    for number in (1, 2):
        voxels = readers.read_back(case.file("seg.dcm"), case.volume, number)
        place = AFFINE @ np.array([[-1.0, 0, 0, 59], [0, 1, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]])
        kept = voxels[::-1, :, 2:].astype(np.uint8)
        nib.save(nib.Nifti1Image(kept, place), tmp_path / f"s-{number}.nii.gz")
    assert readers.segments_differ(case, tmp_path)[0].startswith("0 voxels differ in 2 of ")
    kept[5, 5, 5] ^= 1
    nib.save(nib.Nifti1Image(kept, place), tmp_path / "s-2.nii.gz")
    told, holds = readers.segments_differ(case, tmp_path)
    assert told.startswith("1 voxels differ in 2 of ") and not holds
