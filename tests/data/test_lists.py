"""Lists of cases as other programs give them."""

from pathlib import Path

import pytest

from bundle.common.errors import InputError
from bundle.data import as_cases


def test_a_case_is_called_as_its_file_or_as_the_list_says():
    items = [
        {"image": "/data/1-200/3.img.nii.gz"},
        {"image": Path("/data/17/ct.nrrd"), "label": "/data/17/seg.nrrd", "site": 2},
        {"image": "/data/x.nii.gz", "case": "patient"},
    ]
    assert as_cases(items) == [
        {"image": "/data/1-200/3.img.nii.gz", "case": "3"},
        {"image": Path("/data/17/ct.nrrd"), "label": "/data/17/seg.nrrd", "site": 2, "case": "17"},
        {"image": "/data/x.nii.gz", "case": "patient"},
    ]
    assert "case" not in items[0]
    assert as_cases([]) == []
    assert len(as_cases(2 * items)) == 6  # a list may name a scan twice, to train on it twice an epoch


def test_two_cases_of_one_name_are_refused():
    with pytest.raises(InputError, match=r"two images are called case '3', 'a/3\.nii\.gz' and 'b/3\.nrrd'"):
        as_cases([{"image": "a/3.nii.gz"}, {"image": "b/3.nrrd"}])


@pytest.mark.parametrize("item", ["a.nii.gz", {}, {"label": "a.nii.gz"}, {"image": ["a.nii.gz", "b.nii.gz"]}])
def test_an_item_without_one_image_file_is_refused(item):
    with pytest.raises(InputError, match=r'names no image file: .* expected \{"image": path\}'):
        as_cases([item])
