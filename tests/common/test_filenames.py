"""Names of files tell the case and whether they are image or label."""

import pytest

from bundle.common.filenames import case_name, file_role, is_duplicate, natural_key, split_suffix


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("1-200/3.img.nii.gz", "3"),
        ("1-200/3.label.nii.gz", "3"),
        ("17/img.nii.gz", "17"),
        ("17/label.nii.gz", "17"),
        ("a/b_0001.nrrd", "b_0001"),
        ("a/b_0001_seg.nrrd", "b_0001"),
        ("a/P7_IMAGE.MHA", "P7"),
        ("a/heart_cta_1p5mm.nii.gz", "heart_cta_1p5mm"),
        ("case-5/ct.nii", "case-5"),
        ("a/x.y.z.nii.gz", "x.y.z"),
        ("a/3.IMG.NII.GZ", "3"),
    ],
)
def test_case_name(path, name):
    assert case_name(path) == name


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("1-200/3.img.nii.gz", "image"),
        ("1-200/3.label.nii.gz", "label"),
        ("imagesTr/a.nii.gz", "image"),
        ("labelsTr/a.nii.gz", "label"),
        ("Annotations/Normal_1.nrrd", "label"),
        ("CTCA/Normal_1.nrrd", "image"),
        ("a/scan_seg.mha", "label"),
        ("a/scan_prob.nii.gz", "map"),
        ("images/scan_mask.mha", "label"),
        ("a/scan.mha", None),
        ("a/segment_5.mha", None),
    ],
)
def test_file_role(path, role):
    assert file_role(path) == role


def test_suffixes_are_known_in_any_case():
    assert split_suffix("d/3.img.NII.GZ") == ("3.img", ".nii.gz")
    assert split_suffix("d/a.MHA") == ("a", ".mha")
    assert split_suffix("d/a.txt") == ("a.txt", "")
    assert split_suffix("d/.nii.gz") == (".nii.gz", "")


def test_2_comes_before_10():
    assert sorted(["10", "2", "b10", "b9", "1"], key=natural_key) == ["1", "2", "10", "b9", "b10"]


def test_duplicates():
    assert is_duplicate("1-200(1)/3.img.nii.gz")
    assert is_duplicate("1-200/3.img(1).nii.gz")
    assert not is_duplicate("1-200/3.img.nii.gz")
