"""ImageCAS as people have it: two layouts, a split file, duplicates, half a download."""

import os
import warnings

import openpyxl
import pytest
from files import names, touch
from tube_cases import write_split

from bundle.common.errors import InputError
from bundle.data.find import find_cases, find_images

PARTS = {1: "Training", 2: "Training", 10: "Training", 3: "Val", 4: "Testing", 5: "Testing"}


def imagecas(root, numbers=PARTS, old=False):
    for n in numbers:
        for kind in ("img", "label"):
            touch(root / (f"{n}/{kind}.nii.gz" if old else f"1-200/{n}.{kind}.nii.gz"))
    return root


@pytest.fixture
def root(tmp_path):
    write_split(tmp_path / "imageCAS_data_split.xlsx", PARTS.items())
    return imagecas(tmp_path)


@pytest.mark.parametrize("old", [False, True])
def test_both_layouts_follow_the_split_file(tmp_path, old):
    write_split(tmp_path / "split.xlsx", PARTS.items())
    imagecas(tmp_path, old=old)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cases = find_cases(tmp_path)
    assert {part: names(items) for part, items in cases.items()} == {
        "train": ["1", "2", "10"],
        "validation": ["3"],
        "test": ["4", "5"],
    }
    item = cases["validation"][0]
    image = "3/img.nii.gz" if old else "1-200/3.img.nii.gz"
    assert item == {
        "image": str(tmp_path / image),
        "label": str(tmp_path / image.replace("img", "label")),
        "case": "3",
    }
    assert names(find_images(tmp_path)) == ["1", "2", "3", "4", "5", "10"]


def test_the_split_column_is_chosen(root):
    book = openpyxl.load_workbook(root / "imageCAS_data_split.xlsx")
    for row in book.active.iter_rows(min_row=3):
        row[4].value = "Training" if row[0].value != 1 else "Testing"
    book.save(root / "imageCAS_data_split.xlsx")
    with pytest.warns(UserWarning, match="no validation case"):
        cases = find_cases(root, split="Split-4")
    assert names(cases["test"]) == ["1"]


def test_a_missing_column_names_those_there_are(root):
    with pytest.raises(InputError, match="no column 'Split-9': it has Split-1, Split-2, Split-3, Split-4"):
        find_cases(root, split="Split-9")


def test_duplicates_are_ignored_with_a_warning(root):
    imagecas(root / "1-200(1)")
    touch(root / "1-200/3.img(1).nii.gz")
    with pytest.warns(UserWarning, match="12 duplicates ignored"):
        cases = find_cases(root)
    assert not any("(1)" in item["image"] for items in cases.values() for item in items)
    assert sum(map(len, cases.values())) == len(PARTS)


def test_cases_absent_on_disk_are_counted(root):
    for n in (2, 5):
        for kind in ("img", "label"):
            (root / f"1-200/{n}.{kind}.nii.gz").unlink()
    with pytest.warns(UserWarning, match="2 of the 6 cases in .* are not on disk: '2', '5'"):
        cases = find_cases(root)
    assert names(cases["train"]) == ["1", "10"]


def test_cases_absent_from_the_split_are_left_out(root):
    imagecas(root, [77])
    with pytest.warns(UserWarning, match="1 cases on disk are not in .* left out: '77'"):
        cases = find_cases(root)
    assert "77" not in [name for items in cases.values() for name in names(items)]
    assert "77" in names(find_images(root))


def test_an_image_without_label_is_named(root):
    (root / "1-200/2.label.nii.gz").unlink()
    with pytest.raises(InputError, match=r"1 of 6 cases .* have no label: '.*2\.img\.nii\.gz'"):
        find_cases(root)
    assert len(find_images(root)) == 6


def test_a_label_without_image_is_named(root):
    (root / "1-200/4.img.nii.gz").unlink()
    with pytest.raises(InputError, match=r"have no image: '.*4\.label\.nii\.gz'"):
        find_cases(root)


def test_without_a_split_file_one_is_drawn(tmp_path):
    imagecas(tmp_path, range(1, 21))
    with pytest.warns(UserWarning, match="no split file"):
        cases = find_cases(tmp_path)
    assert {part: len(items) for part, items in cases.items()} == {"train": 14, "validation": 2, "test": 4}


def test_a_range_folder_keeps_the_split_of_the_whole_set(root):
    """Its test cases must not come into training because somebody pointed at a part of the data."""
    for n in (201, 202, 203):
        for kind in ("img", "label"):
            touch(root / f"201-400/{n}.{kind}.nii.gz")
    more = [(201, "Training"), (202, "Testing"), (203, "Val")]
    write_split(root / "imageCAS_data_split.xlsx", [*PARTS.items(), *more])
    with pytest.warns(UserWarning, match="3 of the 9 cases in .* are not on disk: '201', '202', '203'"):
        cases = find_cases(root / "1-200", val_fraction=0.5, test_fraction=0)
    assert names(cases["train"]) == ["1", "2", "10"] and names(cases["test"]) == ["4", "5"]
    os.symlink(root / "201-400", root / "1-200" / "link")
    with pytest.warns(UserWarning, match="6 of the 9 cases"):
        cases = find_cases(root / "1-200" / "link")
    assert names(cases["train"]) == ["201"] and names(cases["test"]) == ["202"]


def test_a_split_beside_the_folder_that_is_damaged_or_of_other_cases_is_an_error(tmp_path):
    imagecas(tmp_path / "1-200")
    touch(tmp_path / "split.xlsx", "not Excel")
    with pytest.raises(InputError, match=r"split\.xlsx' is not an Excel file"):
        find_cases(tmp_path / "1-200")
    write_split(tmp_path / "split.xlsx", [(900, "Training")])
    with pytest.raises(InputError, match=r"none of the 1 cases .* is on disk"):
        find_cases(tmp_path / "1-200")


def test_another_table_beside_the_folder_is_no_split(tmp_path):
    imagecas(tmp_path / "scans", range(1, 21))
    book = openpyxl.Workbook()
    book.active.append(["patient", "age"])
    book.save(tmp_path / "patients.xlsx")
    with pytest.warns(UserWarning, match="no split file"):
        assert len(find_cases(tmp_path / "scans")["train"]) == 14


def test_hidden_files_are_no_cases(root):
    touch(root / "1-200/._3.img.nii.gz")
    touch(root / "1-200/.DS_Store")
    touch(root / "__MACOSX/1-200/88.img.nii.gz")
    touch(root / "~$imageCAS_data_split.xlsx")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sum(map(len, find_cases(root).values())) == len(PARTS)


def test_upper_case_extensions_and_plain_nii(tmp_path):
    for kind in ("img", "label"):
        touch(tmp_path / f"1-200/1.{kind}.NII.GZ")
        touch(tmp_path / f"1-200/2.{kind}.nii")
    with pytest.warns(UserWarning, match="no split file"):
        cases = find_cases(tmp_path, val_fraction=0.5, test_fraction=0)
    assert sorted(names(cases["train"] + cases["validation"])) == ["1", "2"]


def test_linked_folders_are_followed_and_loops_end(tmp_path):
    imagecas(tmp_path / "disk")
    write_split(tmp_path / "disk/split.xlsx", PARTS.items())
    (tmp_path / "ImageCAS").mkdir()
    os.symlink(tmp_path / "disk/1-200", tmp_path / "ImageCAS/1-200")
    os.symlink(tmp_path / "disk/split.xlsx", tmp_path / "ImageCAS/split.xlsx")
    os.symlink(tmp_path / "ImageCAS", tmp_path / "ImageCAS/loop")
    assert len(find_cases(tmp_path / "ImageCAS")["train"]) == 3


def test_two_images_of_one_name(root):
    touch(root / "201-400/3.img.nii.gz")
    with pytest.raises(InputError, match="two images are called case '3'"):
        find_cases(root)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([(1, "Training"), (1, "Testing")], "case '1' is in two parts, train and test"),
        ([(1, "Practice")], "case '1' has 'Practice' in 'Split-1', expected Training, Val or Testing"),
        ([(900, "Training")], "none of the 1 cases .* is on disk"),
    ],
)
def test_a_split_file_that_contradicts_itself(tmp_path, rows, sentence):
    imagecas(tmp_path)
    write_split(tmp_path / "split.xlsx", rows)
    with pytest.raises(InputError, match=sentence):
        find_cases(tmp_path)


def test_a_split_file_that_is_none(tmp_path):
    imagecas(tmp_path)
    touch(tmp_path / "split.xlsx", "not Excel")
    with pytest.raises(InputError, match=r"split\.xlsx' is not an Excel file"):
        find_cases(tmp_path)
    book = openpyxl.Workbook()
    book.active.append(["something", "else"])
    book.save(tmp_path / "split.xlsx")
    with pytest.raises(InputError, match="no ImageCAS split: none of its first rows has a 'FileName'"):
        find_cases(tmp_path)


def test_two_split_files(root):
    write_split(root / "other.xlsx", PARTS.items())
    with pytest.raises(InputError, match="2 split files"):
        find_cases(root)
    assert len(find_images(root)) == 6


def test_excel_numbers_and_short_rows(tmp_path):
    imagecas(tmp_path)
    book = openpyxl.Workbook()
    book.active.append(["title"])
    book.active.append(["FileName", "Split-1"])
    for n, part in PARTS.items():
        book.active.append([float(n), part])
    book.active.append([None])
    book.save(tmp_path / "split.xlsx")
    assert names(find_cases(tmp_path)["train"]) == ["1", "2", "10"]


def test_real_files_in_the_shared_fixture(imagecas_dir):
    cases = find_cases(imagecas_dir)
    assert [len(cases[p]) for p in ("train", "validation", "test")] == [3, 1, 2]
