"""The study that has 3D Slicer's code open a scene: what is missing is said, what lies elsewhere is told."""

from __future__ import annotations

import sys

import nibabel as nib
import numpy as np
import pytest
from ct_series import heart_case
from studies.dicom_objects import scene

from bundle.common.errors import InputError

AFFINE = np.array([[-2.0, 0, 0, 60], [0, -2, 0, 58], [0, 0, 2, -85], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene") / "a"
    heart_case(folder, "a", AFFINE, (60, 58, 60))
    return scene.Case(folder, "a", folder / "a_seg.nii.gz", folder / "none.dcm")


def test_a_python_without_slicer_is_told_what_to_install(case, tmp_path):
    with pytest.raises(InputError, match=r"has no 3D Slicer; .* -m pip install slicer-core"):
        scene.read_by_slicer(case, sys.executable, tmp_path)
    with pytest.raises(InputError, match="'no-python' does not run: No such file"):
        scene.read_by_slicer(case, "no-python", tmp_path)


def test_a_volume_that_lies_elsewhere_or_has_another_voxel_differs(case, tmp_path):
    image = nib.load(case.scan)
    voxels = np.asarray(image.dataobj).transpose(2, 1, 0).copy()
    np.save(tmp_path / "v.npy", voxels)
    found = {"voxels": "v.npy", "ijk_to_ras": image.affine.tolist()}
    assert scene._volume_row("scan", found, case.scan, tmp_path)[2:] == (
        f"0 of {voxels.size} voxels differ, grid to 0 mm",
        True,
    )
    moved = image.affine + np.array([[0, 0, 0, 0.5]] + 3 * [[0] * 4])
    told = scene._volume_row("scan", found | {"ijk_to_ras": moved.tolist()}, case.scan, tmp_path)
    assert told[2].endswith("grid to 0.5 mm") and not told[3]
    voxels[0, 0, 0] ^= 1
    np.save(tmp_path / "v.npy", voxels)
    told = scene._volume_row("scan", found, case.scan, tmp_path)
    assert told[2].startswith("1 of ") and not told[3]


def test_a_missing_and_a_moved_point_are_both_far(case):
    points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    assert scene._apart_mm(points, points[::-1]) == 0
    assert scene._apart_mm(points, points[:2]) == scene._apart_mm(points[:2], points) == 1
