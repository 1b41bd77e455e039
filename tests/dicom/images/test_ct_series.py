"""A volume goes into a CT series and comes back: its voxels, its place, its files."""

from __future__ import annotations

import shutil
import subprocess
import tempfile

import nibabel as nib
import numpy as np
import pydicom
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from tube_cases import tube_case
from typed import coronary

from bundle.common.coordinates import voxel_to_world, voxels_of
from bundle.dicom import ct_slices, list_series, multi_frame, read_series, save_images, write_ct_series

SHAPE = (6, 5, 4)
SKEWED = np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def affine_of(angles, sizes, flips, origin):
    """Any direction, voxel size and place, with the axes flipped as asked."""
    affine = np.eye(4)
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    affine[:3, :3] = axes * sizes * np.where(flips, -1, 1)
    affine[:3, 3] = origin
    return affine


def values_by_place(array, affine):
    places = np.round(voxel_to_world(voxels_of(np.ones(array.shape, bool)), affine), 3) + 0.0
    return dict(zip(map(tuple, places), array.ravel()))


numbers = st.floats(-180, 180)


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.tuples(numbers, numbers, numbers),
    st.tuples(*[st.floats(0.2, 3.0)] * 3),
    st.tuples(*[st.booleans()] * 3),
    st.tuples(*[st.floats(-300, 300)] * 3),
    st.permutations(range(SHAPE[2])),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_every_value_comes_back_to_its_place(angles, sizes, flips, origin, order, enhanced, random):
    """Whatever the direction, the hand, the order of the files, and slope and intercept of each slice."""
    affine = affine_of(angles, sizes, flips, origin)
    array = np.random.default_rng(random.randrange(99)).integers(-1000, 3000, SHAPE).astype(np.int16)
    images = list(ct_slices(array, affine, "1"))
    for number, image in enumerate(images):
        stored = array[:, :, number].T.astype(np.int32) // 2 * 2
        array[:, :, number] = stored.T
        offset = -1024 - 2 * number
        image.RescaleSlope, image.RescaleIntercept = "2", str(offset)
        image.PixelData = ((stored - offset) // 2).astype("<u2").tobytes()
        image.InstanceNumber = order[number] + 1
    images = [images[number] for number in order]
    with tempfile.TemporaryDirectory() as folder:
        save_images([multi_frame(images)] if enhanced else images, folder)
        (series,) = list_series([folder])
        volume = read_series(series)
        for k, part in enumerate(volume.slices):
            image = pydicom.dcmread(part.path)
            pixels = image.pixel_array if part.frame is None else image.pixel_array[part.frame]
            group = (
                image
                if part.frame is None
                else image.PerFrameFunctionalGroupsSequence[part.frame].PixelValueTransformationSequence[0]
            )
            hu = pixels.astype(int) * int(group.RescaleSlope) + int(group.RescaleIntercept)
            assert np.array_equal(volume.array[:, :, k], hu.T)
    assert volume.array.dtype == np.int16 and volume.series_uid == series.series_uid
    assert values_by_place(volume.array, volume.affine) == values_by_place(array, affine)


def test_slopes_that_are_no_whole_numbers_give_float32(tmp_path):
    array = np.random.default_rng(0).integers(-1000, 3000, SHAPE).astype(np.int16)
    write_ct_series(tmp_path / "a", array, np.eye(4), "1", RescaleSlope="0.5", RescaleIntercept="-100.25")
    volume = read_series(list_series([tmp_path / "a"])[0])
    assert volume.array.dtype == np.float32
    expected = ((array.astype(np.float32) + 1024) * 0.5 - 100.25)[
        :, :, :: round(np.linalg.det(volume.affine))
    ]
    assert np.array_equal(volume.array, expected)


def test_a_series_in_place_of_another_is_whole(tmp_path):
    long, short = np.zeros((4, 4, 9), np.int16), np.zeros((4, 4, 3), np.int16)
    write_ct_series(tmp_path / "a", long, np.eye(4), "1")
    assert len(write_ct_series(tmp_path / "a", short, np.eye(4), "1")) == 3
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "IM0001.dcm",
        "IM0002.dcm",
        "IM0003.dcm",
        "a",
    ]


@pytest.mark.parametrize(
    ("array", "affine"),
    [
        (np.zeros((4, 4), np.int16), np.eye(4)),
        (np.full((4, 4, 4), -2000), np.eye(4)),
        (
            np.zeros((4, 4, 4), np.int16),
            np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        ),
    ],
    ids=["flat", "darker than air", "skewed rows"],
)
def test_what_no_ct_series_can_hold_is_refused(array, affine):
    with pytest.raises(ValueError):
        list(ct_slices(array, affine, "1"))


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("enhanced", [False, True])
def test_the_validator_finds_no_error(enhanced, tmp_path):
    array = np.random.default_rng(0).integers(-1000, 1000, (16, 12, 5)).astype(np.int16)
    affine = affine_of((10, 20, 30), (0.4, 0.4, 0.6), (1, 0, 0), (1, 2, 3))
    for path in write_ct_series(tmp_path / "a", array, affine, "1", enhanced):
        done = subprocess.run(["dciodvfy", path], capture_output=True, text=True)
        assert "Error" not in done.stdout + done.stderr, done.stderr


def test_phantoms_are_written_as_dicom_on_request(tmp_path, monkeypatch):
    case = tube_case(
        tmp_path / "made" / "1-200",
        "1",
        shape=(24, 20, 16),
        affine=affine_of((0, 10, 0), (1, 1, 2), (1, 0, 0), 5),
    )
    monkeypatch.setattr("bundle.phantom.write_imagecas", lambda *_, **__: [case])
    words = ("phantoms", "--count", 1, "--dicom", "--out", tmp_path / "made")
    answer = coronary(monkeypatch, *words)
    assert (
        answer.code == 0 and f"as DICOM they are in {tmp_path / 'made-dicom'}, a folder a case" in answer.out
    )
    scan = nib.load(case["image"])
    volume = read_series(list_series([tmp_path / "made-dicom"])[0])
    assert not list_series([tmp_path / "made"])  # else `segment made` would take every scan twice
    expected = values_by_place(np.asarray(scan.dataobj), scan.affine)
    assert values_by_place(volume.array, volume.affine) == expected
    assert coronary(monkeypatch, *words, "--first-seed", 7).code == 0
    assert list_series([tmp_path / "made-dicom"])[0].series_uid != volume.series_uid  # another patient's
    assert coronary(monkeypatch, *words, "--multi-frame").code == 0
    assert [path.name for path in (tmp_path / "made-dicom" / "1").iterdir()] == ["IM0001.dcm"]
    assert coronary(monkeypatch, "phantoms", "--multi-frame", "--out", tmp_path / "no").code == 2
