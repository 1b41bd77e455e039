"""What the objects are made of: the same twice, and a sentence where it cannot be done."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pydicom
import pytest
from ct_series import ct_series

from bundle.common.errors import RunFailed
from bundle.dicom import write_dicom


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_time_gives_the_same_bytes(objects):
    folder, volume, paths = objects
    first = [path.read_bytes() for path in paths]
    assert write_dicom(volume, folder, "a") == paths
    assert [path.read_bytes() for path in paths] == first


def test_the_report_of_the_case_names_them_and_keeps_its_time(finished):
    folder, volume = finished
    os.utime(folder / "a.json", (1e9, 1e9))
    before = json.loads((folder / "a.json").read_text())
    paths = write_dicom(volume, folder, "a")
    after = json.loads((folder / "a.json").read_text())
    assert {path.name for path in paths} == set(after["files"].values()) - set(before["files"].values())
    assert after | {"files": before["files"]} == before and after["files"].items() > before["files"].items()
    assert (folder / "a.json").stat().st_mtime == 1e9


def test_a_case_that_was_made_again_gives_new_objects(finished, objects):
    folder, volume = finished
    uids = [pydicom.dcmread(path).SOPInstanceUID for path in objects[2]]
    os.utime(folder / "a.json", (1e9, 1e9))
    again = [pydicom.dcmread(path) for path in write_dicom(volume, folder, "a")]
    assert not {data.SOPInstanceUID for data in again} & set(uids)
    assert {data.ContentDate for data in again} == {"20010909"}


def test_a_source_file_that_is_gone_is_named_without_its_path(finished, tmp_path):
    folder, volume = finished
    before = contents(folder)
    gone = replace(volume.slices[3], path=tmp_path / "MUELLER" / "IM1")
    broken = replace(volume, slices=(*volume.slices[:3], gone, *volume.slices[4:]))
    with pytest.raises(RunFailed, match="file 4 of 100 of the source series cannot be read") as error:
        write_dicom(broken, folder, "a")
    assert "MUELLER" not in str(error.value)
    assert contents(folder) == before, "nothing is written"


def test_a_mask_of_another_series_is_refused(finished):
    folder, volume = finished
    with pytest.raises(RunFailed, match="made of"):
        write_dicom(replace(volume, slices=volume.slices[1:]), folder, "a")
    with pytest.raises(RunFailed, match="100 voxels and the series 112 x 104 x 98"):
        write_dicom(replace(volume, slices=volume.slices[:98]), folder, "a")
    backwards = replace(volume, slices=volume.slices[::-1])
    with pytest.raises(RunFailed, match="lie up to 99 mm from the mask's"):
        write_dicom(backwards, folder, "a")
    with pytest.raises(RunFailed, match="hold another series"):
        write_dicom(replace(volume, series_uid="1.9"), folder, "a")


def test_a_series_without_a_frame_of_reference_is_refused(finished, tmp_path, made):
    folder, volume = finished
    volume = ct_series(tmp_path / "ct", volume.array, volume.affine)
    path = volume.slices[0].path
    data = pydicom.dcmread(path)
    del data.FrameOfReferenceUID
    data.save_as(path)
    with pytest.raises(RunFailed, match="the series has no FrameOfReferenceUID"):
        write_dicom(volume, folder, "a")


def test_what_the_source_leaves_out_is_empty(finished, tmp_path):
    folder, volume = finished
    volume = ct_series(tmp_path / "ct", volume.array, volume.affine)
    for part in volume.slices:
        data = pydicom.dcmread(part.path)
        for keyword in ("PatientBirthDate", "AccessionNumber", "StudyID", "SliceThickness"):
            delattr(data, keyword)
        data.save_as(part.path)
    for path in write_dicom(volume, folder, "a"):
        data = pydicom.dcmread(path)
        assert data.PatientBirthDate == data.AccessionNumber == data.StudyID == ""
        assert data.PatientName == "Tree^Coronary"


def test_an_unfinished_and_an_empty_case_end_in_a_sentence(finished):
    folder, volume = finished
    report = json.loads((folder / "a.json").read_text())
    (folder / "a.json").write_text(json.dumps(report | {"empty": True}))
    with pytest.raises(RunFailed, match="no vessel was found"):
        write_dicom(volume, folder, "a")
    (folder / "a.json").write_text('{"case": "a"')
    with pytest.raises(RunFailed, match="its files cannot be read"):
        write_dicom(volume, folder, "a")
    (folder / "a.json").unlink()
    with pytest.raises(RunFailed, match=r"a\.json is missing"):
        write_dicom(volume, folder, "a")
    assert not list(folder.glob("*.dcm"))
