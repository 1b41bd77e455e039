"""`bundle.segment`: the results of one scan as objects, equal to the files of `coronary segment`."""

from __future__ import annotations

import csv

import nibabel as nib
import numpy as np
import pytest
import pyvista as pv
from inference_run import CONTRAST
from logging_kept import logging_kept
from scipy.spatial import cKDTree
from tube_cases import tube_case
from typed import coronary, sets

import bundle
from bundle.common.errors import InputError
from bundle.dicom import ct_slices, save_images
from bundle.geometry.core import check_mesh

KEYS = {"network_def": CONTRAST, "spatial_size": [48, 48, 32], "geometry#pictures": False, "device": "cpu"}


@pytest.fixture(autouse=True)
def own_logging():
    with logging_kept():
        yield


@pytest.fixture
def keys(weights):
    return KEYS | {"ckpt_path": str(weights)}


def test_the_objects_are_what_the_files_hold(tmp_path, weights, keys, monkeypatch, capsys):
    scan = tube_case(tmp_path / "data", "a")["image"]
    result = bundle.segment(scan, mode="paper", out=tmp_path / "results", **keys)
    assert capsys.readouterr().out == ""
    folder = tmp_path / "results" / "a"
    assert result.folder == folder
    stored = nib.load(folder / "a_seg.nii.gz")
    assert np.array_equal(result.mask, np.asarray(stored.dataobj) > 0) and result.mask.dtype == bool
    assert np.array_equal(result.affine, stored.affine) and result.mask.any()
    assert result.probability.shape == result.mask.shape and 0.9 < result.probability[result.mask].mean() <= 1
    with open(folder / "a_branches.csv", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert [branch.name for branch in result.tree] == names == [r["name"] for r in result.tables["branches"]]

    theirs = tmp_path / "theirs"
    words = (scan, "--out", theirs, "--mode", "paper", "--device", "cpu")
    own = {key: value for key, value in keys.items() if key != "device"}
    assert coronary(monkeypatch, "segment", *words, *sets(**own)).code == 0
    for name in ("a_seg.nii.gz", "a_mesh.stl", "a_branches.csv"):
        assert (folder / name).read_bytes() == (theirs / "a" / name).read_bytes()


def test_everything_lies_on_the_lumen_in_the_scan_s_own_space(tmp_path, keys):
    """A scan that is stored to the left and to the front: LPS files would lie elsewhere."""
    scan = nib.load(tube_case(tmp_path / "data", "a")["image"])
    array = np.asarray(scan.dataobj)[::-1, ::-1]
    affine = scan.affine @ np.array(
        [[-1, 0, 0, array.shape[0] - 1], [0, -1, 0, array.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1.0]]
    )
    result = bundle.segment(array, affine, mode="paper", **keys)
    assert result.folder is None and np.allclose(result.affine, affine)
    lumen = cKDTree(nib.affines.apply_affine(affine, np.argwhere(result.mask)))
    assert lumen.query(result.mesh.points)[0].max() < 1.5
    assert check_mesh(result.mesh)["watertight"]
    for branch in result.tree:
        inside = pv.PolyData(branch.points[2:-2]).select_interior_points(result.mesh)
        assert np.mean(inside["selected_points"]) > 0.9


def test_a_scan_without_a_vessel_has_an_empty_result(tmp_path, keys):
    dark = np.random.default_rng(0).normal(40, 5, (48, 48, 32)).astype(np.float32)
    dark[:20] = -1000
    result = bundle.segment(dark, np.diag([1, 1, 1.5, 1.0]), mode="paper", **keys)
    assert not result.mask.any() and result.mesh is None and result.tree == []
    assert result.tables["branches"] == [] and result.report["empty"]


def test_a_dicom_series_is_read_as_its_nifti(tmp_path, keys, capsys):
    item = tube_case(tmp_path / "data", "a", (48, 48, 40), (1.0, 1.0, 1.6))  # as long as a heart
    scan = nib.load(item["image"])
    images = list(ct_slices(np.asarray(scan.dataobj), scan.affine, "1"))
    save_images(images, tmp_path / "ct")
    ours, theirs = (bundle.segment(path, mode="paper", **keys) for path in (tmp_path / "ct", item["image"]))
    assert np.array_equal(ours.mask, theirs.mask) and ours.mask.any() and capsys.readouterr().out == ""
    save_images(images[:3], tmp_path / "few")
    with pytest.raises(InputError):
        bundle.segment(tmp_path / "few", mode="paper", **keys)


@pytest.mark.parametrize(
    ("scan", "affine", "sentence"),
    [
        (np.zeros((4, 4, 4)), None, "an array needs its affine"),
        ("scan.nii.gz", np.eye(4), "a file has an affine of its own"),
        (np.zeros((4, 4)), np.eye(4), "an array of numbers"),
        ("not_there.nii.gz", None, "not_there.nii.gz"),
    ],
)
def test_mistakes_are_one_sentence(scan, affine, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=sentence):
        bundle.segment(scan, affine, mode="paper")


def test_a_scan_that_cannot_be_used_says_why(tmp_path, keys):
    (tmp_path / "cut.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        bundle.segment(tmp_path / "cut.nii.gz", mode="paper", **keys)


def test_another_mode_is_refused():
    with pytest.raises(InputError, match="'native' or 'paper'"):
        bundle.segment("scan.nii.gz", mode="fast")
