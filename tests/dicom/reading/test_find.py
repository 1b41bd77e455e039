"""DICOM among other files, and in zips."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_dataset

from bundle.dicom import ct_slices, holds_dicom, list_series, save_images

ARRAY = np.zeros((4, 4, 3), np.int16)


def images():
    return ct_slices(ARRAY, np.eye(4), "1")


def zipped(path, files, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, f"a/b/{file.name}")
        for name, data in members.items():
            archive.writestr(name, data)


def test_files_count_once_however_they_are_reached(tmp_path):
    files = save_images(images(), tmp_path / "deep" / "er" / "still")
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.link(files[0], tmp_path / "another name")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x").write_bytes(files[0].read_bytes())
    (one,) = list_series([tmp_path, tmp_path / "deep", files[1]])
    assert len(one.slices) == 3 and not one.remarks


def test_a_zip_is_unpacked_without_its_names_and_with_what_else_it_holds_left_out(tmp_path):
    files = save_images(images(), tmp_path / "x")
    others = {"MUELLER/report.pdf": b"%PDF" + bytes(300), "inner.zip": b"PK" + bytes(200)}
    zipped(tmp_path / "a.zip", files, **others)
    found = list_series([tmp_path / "a.zip"], tmp_path / "work")
    assert [len(one.slices) for one in found] == [3] and not found.faults
    names = sorted(path.name for path in (tmp_path / "work").rglob("*"))
    assert names == ["000001", "000002", "000003", "zip1"]


def test_a_zip_may_lie_in_a_folder_and_a_bad_one_stops_no_other(tmp_path):
    files = save_images(images(), tmp_path / "x")
    zipped(tmp_path / "in.zip", files)
    (tmp_path / "bad.zip").write_bytes((tmp_path / "in.zip").read_bytes()[:300])
    for file in files:
        file.unlink()
    found = list_series([tmp_path], tmp_path / "work")
    assert [len(one.slices) for one in found] == [3]
    assert len(found.faults) == 1 and found.faults[0].startswith("zip 1 (in input 1) cannot be unpacked")


def test_an_encrypted_zip_is_said_to_be_one(tmp_path):
    zipped(tmp_path / "a.zip", save_images(images(), tmp_path / "x"))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.find(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(bytes(data))
    assert "is encrypted" in list_series([tmp_path / "a.zip"], tmp_path / "work").faults[0]


def test_more_than_a_disk_should_take_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr("bundle.dicom.reading.archives._MOST_BYTES", 1000)
    zipped(tmp_path / "a.zip", save_images(images(), tmp_path / "x"))
    assert "declares 3 files" in list_series([tmp_path / "a.zip"], tmp_path / "work").faults[0]
    assert not (tmp_path / "work" / "zip1").exists()


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a", bytes(128) + b"DICM", True),
        ("a.dcm", b"anything", True),
        ("a.dcm", b"", False),
        ("a", b"anything", False),
        ("a.nii.gz", bytes(128) + b"DICM", False),
    ],
)
def test_dicom_is_told_by_what_a_file_holds(name, data, expected, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)
    assert holds_dicom(tmp_path / "in") is expected and holds_dicom(tmp_path / "in" / name) is expected


def test_a_file_without_a_preamble_is_read_where_its_ending_says_dicom(tmp_path):
    for number, image in enumerate(images()):
        with open(tmp_path / f"{number}.dcm", "wb") as file:
            target = DicomFileLike(file)
            target.is_implicit_VR, target.is_little_endian = True, True
            del image.file_meta
            write_dataset(target, image)
    (one,) = list_series([tmp_path])
    assert len(one.slices) == 3
