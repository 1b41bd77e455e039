"""Numbers that are HU in disguise are brought back to HU; what is no contrast CT is named as such."""

import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch

from bundle.common.errors import InputError
from bundle.data.readers.intensities import check_intensities
from bundle.phantom.core.contrast import draw_contrast
from bundle.phantom.phantom import make_phantom

SHAPE = (96, 96, 48)


@pytest.fixture(scope="module")
def phantom():
    made = make_phantom(5, SHAPE)
    return made.image.astype(np.float32), np.linalg.norm(made.affine[:3, :3], axis=0)


@pytest.fixture
def scan(phantom):
    return phantom[0].copy()


def circle(scan, value):
    """The scan with ``value`` outside the circle that a scanner sees."""
    x, y = (np.linspace(-1, 1, n) for n in scan.shape[:2])
    scan = scan.copy()
    scan[np.hypot(*np.meshgrid(x, y, indexing="ij")) > 1.0] = value
    return scan


def check(scan, phantom):
    volume, warnings = check_intensities("a.nii", torch.from_numpy(np.array(scan, np.float32)), phantom[1])
    return volume.numpy(), warnings


@pytest.mark.parametrize("change", [np.round, lambda v: v + 0.25, lambda v: v.clip(-1024, 3071)])
def test_hounsfield_units_pass_as_they_are(scan, phantom, change):
    volume, warnings = check(change(scan), phantom)
    assert warnings == []
    np.testing.assert_array_equal(volume, change(scan))


@pytest.mark.parametrize("value", [-2000, -2048, -3024, -32768])
def test_padding_becomes_air(scan, phantom, value):
    volume, (warning,) = check(circle(scan, value), phantom)
    assert f"{value} HU" in warning and "taken for air" in warning
    np.testing.assert_array_equal(volume, circle(scan, volume.min()))
    assert -1024 <= volume.min() < -900


def test_unsigned_numbers_with_an_offset_become_hounsfield_units(scan, phantom):
    volume, (warning,) = check((scan + 1024).astype(np.uint16), phantom)
    assert "1024 was subtracted" in warning
    np.testing.assert_array_equal(volume, scan)


@pytest.mark.parametrize("value", [-2000, 0])
def test_numbers_without_their_intercept_and_with_padding(scan, phantom, value):
    volume, warnings = check(circle(scan + 1024, value), phantom)
    assert "1024 was subtracted" in warnings[-1] and len(warnings) == 1 + (value < 0)
    np.testing.assert_array_equal(volume, circle(scan, volume.min()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: (v.clip(-1000, 1000) + 1000) / 2000, "as if they were normalised"),
        (lambda v: (v - v.mean()) / v.std(), "as if they were normalised"),
        (lambda v: v.astype(np.int16).astype(np.uint16), "which no CT has"),
        (lambda v: v * 1e3, "which no CT has"),
    ],
    ids=["0 to 1", "z-score", "wrapped", "another unit"],
)
def test_what_cannot_be_hounsfield_units_is_refused(scan, phantom, change, words):
    with pytest.raises(InputError) as caught:
        check(change(scan), phantom)
    assert words in str(caught.value) and "'a.nii'" in str(caught.value)


def mr(scan):
    """Bright fat and blood, grey muscle, dark lung and bone, and noise that is never negative."""
    signal = np.interp(scan, [-1024, -300, -100, 50, 300, 700], [0, 30, 900, 350, 600, 50])
    noise = np.random.default_rng(0).normal(0, 25, (2, *scan.shape))
    return np.hypot(signal + noise[0], noise[1])


@pytest.mark.parametrize(
    "change", [mr, lambda v: np.interp(v, [-200, 300], [0, 255])], ids=["MR", "8-bit window"]
)
def test_what_is_no_ct_is_named_and_left_alone(scan, phantom, change):
    volume, (warning,) = check(change(scan), phantom)
    assert "does not look like a CT" in warning and "MR" in warning
    np.testing.assert_array_equal(volume, change(scan).astype(np.float32))


@pytest.mark.parametrize("seed", [5, 6])
def test_a_ct_without_contrast_is_named(monkeypatch, seed):
    """The same patient with blood of 45 HU everywhere; bones stay bright."""
    blood = ["aorta", "left_ventricle", "left_atrium", "pulmonary", "right_ventricle", "right_atrium"]
    blood += ["vena_cava", "vein", "coronary", "kidney", "spleen", "liver", "myocardium"]

    def plain(rng):
        return replace(draw_contrast(rng), **dict.fromkeys(blood, 45.0), right_mixing=0.0)

    monkeypatch.setattr("bundle.phantom.phantom.draw_contrast", plain)
    made = make_phantom(seed, SHAPE)
    spacing_mm = np.linalg.norm(made.affine[:3, :3], axis=0)
    _, (warning,) = check_intensities("a.nii", torch.from_numpy(made.image.astype(np.float32)), spacing_mm)
    assert "no contrast is seen" in warning


def warnings_of_chest(blood, noise, spacing_mm):
    """Of a chest of 50 HU in air, with an aorta and with noise of so many HU in every voxel."""
    across, along = np.arange(-90, 90, spacing_mm), np.arange(0, 100, spacing_mm)
    x, y = np.meshgrid(across, across, indexing="ij")
    chest = np.where(np.hypot(x, y) < 80, 50.0, -1000.0)
    chest[np.hypot(x - 20, y) < 16] = blood
    scan = chest[..., None] + np.random.default_rng(3).normal(0, noise, (*chest.shape, len(along)))
    return check_intensities("a.nii", torch.from_numpy(scan.astype(np.float32)), [spacing_mm] * 3)[1]


@pytest.mark.parametrize(("blood", "noise"), [(350, 110), (240, 62)])
def test_noise_that_is_high_for_the_contrast_is_named(blood, noise):
    (sentence,) = warnings_of_chest(blood, noise, 1.0)
    said = re.search(r"noise is high.* (\d+) HU in voxels of 1 mm where blood has (\d+) HU", sentence)
    assert float(said[1]) == pytest.approx(noise, rel=0.05)
    assert float(said[2]) == pytest.approx(blood, rel=0.05)


@pytest.mark.parametrize(
    ("blood", "noise", "spacing_mm"),
    [(350, 40, 1.0), (800, 100, 1.0), (350, 110, 0.5)],
    ids=["little noise", "much contrast", "fine noise, which averages out"],
)
def test_noise_that_is_not_high_for_the_contrast_is_not_named(blood, noise, spacing_mm):
    assert warnings_of_chest(blood, noise, spacing_mm) == []


def test_a_real_scan_needs_no_warning(real_cta):
    image = nib.load(real_cta)
    volume = torch.from_numpy(image.get_fdata(dtype=np.float32))
    assert check_intensities(str(real_cta), volume, image.header.get_zooms())[1] == []
