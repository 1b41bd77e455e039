"""What is written has the scan's grid, affine and codes, the smallest type, and is whole or not there."""

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import SaveImaged

from bundle.common.nifti import write_nifti
from bundle.transforms.save_case import SaveCased

OBLIQUE = np.array([[0.0, -0.4, 0.0, 30.0], [0.36, 0.0, 0.1, -80.0], [-0.06, 0.0, 0.6, 12.0], [0, 0, 0, 1.0]])


def volume(values, affine=OBLIQUE, **meta):
    meta = {"filename_or_obj": "data/1-200/7.img.nii.gz"} | meta
    return MetaTensor(torch.as_tensor(values), affine=affine, meta=meta)


def test_a_mask_is_uint8_in_its_cases_folder(tmp_path):
    mask = np.random.default_rng(0).random((1, 5, 6, 7)) > 0.5
    SaveCased("pred", tmp_path)({"pred": volume(mask)})
    image = nib.load(tmp_path / "7" / "7_seg.nii.gz")
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), mask[0])
    np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-6)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_the_items_name_comes_before_the_files(tmp_path):
    SaveCased("pred", tmp_path)({"pred": volume(np.ones((1, 3, 3, 3))), "case": "patient 1"})
    assert (tmp_path / "patient 1" / "patient 1_seg.nii.gz").exists()


@pytest.mark.parametrize(("scale", "kind"), [(255, np.uint8), (65535, np.uint16)])
def test_a_probability_comes_back_to_half_a_step(tmp_path, scale, kind):
    probability = np.random.default_rng(1).random((1, 9, 8, 7), dtype=np.float32)
    SaveCased("prob", tmp_path, output_postfix="prob", scale=scale)({"prob": volume(probability)})
    image = nib.load(tmp_path / "7" / "7_prob.nii.gz")
    assert image.get_data_dtype() == kind
    found = image.get_fdata()
    np.testing.assert_allclose(found, probability[0], atol=0.5 / scale + 1e-6)
    assert (found.min() >= 0) and (found.max() <= 1)
    # Thresholding the file gives the mask, but for voxels within half a step of the threshold.
    differ = (found >= 0.4) != (probability[0] >= 0.4)
    assert np.abs(probability[0][differ] - 0.4).max(initial=0) <= 0.5 / scale + 1e-6


@pytest.mark.parametrize(
    ("meta", "code"), [({}, 1), ({"sform_code": 2}, 2), ({"sform_code": 0, "qform_code": 4}, 4)]
)
def test_sform_and_qform_say_the_scans_own_space(tmp_path, meta, code):
    SaveCased("pred", tmp_path)({"pred": volume(np.ones((1, 3, 4, 5)), **meta)})
    image = nib.load(tmp_path / "7" / "7_seg.nii.gz")
    (sform, scode), (qform, qcode) = image.get_sform(coded=True), image.get_qform(coded=True)
    assert (scode, qcode) == (code, code)
    np.testing.assert_allclose(sform, OBLIQUE, atol=1e-6)
    np.testing.assert_allclose(qform, OBLIQUE, atol=1e-5)


def test_a_sheared_scan_has_no_qform(tmp_path):
    sheared = OBLIQUE.copy()
    sheared[0, 2] = 0.3
    write_nifti(tmp_path / "a.nii.gz", np.ones((3, 3, 3), np.uint8), sheared)
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(image.affine, sheared, atol=1e-6)
    assert image.get_qform(coded=True)[1] == 0


def test_rounding_on_the_way_does_not_reach_the_file(tmp_path):
    """The affine of the file is the scan's to the last bit, so tools that compare grids exactly agree."""
    original = np.asarray(OBLIQUE, np.float32).astype(float)
    scan = volume(np.ones((1, 3, 4, 5)), affine=original * (1 + 1e-12), original_affine=original)
    SaveCased("pred", tmp_path)({"pred": scan})
    np.testing.assert_array_equal(nib.load(tmp_path / "7" / "7_seg.nii.gz").affine, original)


def test_the_same_volume_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        SaveCased("pred", tmp_path / folder)({"pred": volume(np.ones((1, 4, 4, 4)))})
    first, second = ((tmp_path / f / "7" / "7_seg.nii.gz").read_bytes() for f in ("a", "b"))
    assert first == second


def test_a_failure_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch):
    saver = SaveCased("pred", tmp_path)
    saver({"pred": volume(np.ones((1, 3, 3, 3)))})
    before = (tmp_path / "7" / "7_seg.nii.gz").read_bytes()

    def full_disk(image, stream):
        stream.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(nib.Nifti1Image, "to_stream", full_disk)
    with pytest.raises(OSError, match="No space"):
        saver({"pred": volume(np.zeros((1, 3, 3, 3)))})
    assert [p.name for p in (tmp_path / "7").iterdir()] == ["7_seg.nii.gz"]
    assert (tmp_path / "7" / "7_seg.nii.gz").read_bytes() == before


def test_monai_label_can_recognise_and_drop_it(tmp_path):
    assert isinstance(SaveCased("pred", tmp_path), SaveImaged)


def test_refuses_what_it_cannot_write(tmp_path):
    with pytest.raises(ValueError, match="output_ext"):
        SaveCased("pred", tmp_path, output_ext=".nrrd")
    with pytest.raises(ValueError, match="scale"):
        SaveCased("pred", tmp_path, scale=100)
    with pytest.raises(ValueError, match="one channel"):
        SaveCased("pred", tmp_path)({"pred": volume(np.ones((2, 3, 3, 3)))})
