"""`coronary dicom`: the objects of a finished case, out of a folder with several series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from ct_series import ct_series, heart_case
from typed import coronary

import bundle.dicom
from bundle.command.dicom_out import write_objects
from bundle.common.errors import RunFailed

AFFINE = np.array([[-2.0, 0, 0, 60], [0, -2, 0, 58], [0, 0, 2, -85], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A case "4f2a" in results/, and its series."""
    root = tmp_path_factory.mktemp("dicom")
    mask = heart_case(root / "results" / "4f2a", "4f2a", AFFINE, (60, 58, 60))
    return root / "results", ct_series(root / "ct", np.where(mask, 400, 0).astype(np.int16), AFFINE)


@pytest.fixture
def reader(monkeypatch, results):
    """The series that the reader would find in a folder: a localiser, the CT, and what a test adds."""
    _, volume = results
    found = {"localiser": None, "ct": volume}

    def read(series):
        if found[series] is None:
            raise RunFailed("the series is a localiser")
        return found[series]

    class Listed(str):
        def is_called(self, wanted):
            return wanted in (self, getattr(found[self], "series_uid", None))

    monkeypatch.setattr(bundle.dicom, "list_series", lambda paths: list(map(Listed, found)), raising=False)
    monkeypatch.setattr(bundle.dicom, "read_series", read, raising=False)
    return found


def test_the_series_is_found_by_its_grid(results, reader, monkeypatch):
    out, volume = results
    reader["other"] = replace(
        volume, array=volume.array[:, :, 1:], slices=volume.slices[1:], series_uid="1.9"
    )
    answer = coronary(monkeypatch, "dicom", out / "4f2a", "--source", out.parent / "ct")
    assert answer.code == 0, answer.err
    names = ["4f2a_seg.dcm", "4f2a_sr.dcm", "4f2a_mesh.dcm"]
    assert [line.split(":")[0] for line in answer.out.splitlines()] == names
    assert pydicom.dcmread(out / "4f2a" / names[0]).ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.4"


def test_phases_on_one_grid_are_told_apart_by_number_or_uid(results, reader, monkeypatch):
    out, volume = results
    reader["systole"] = replace(volume, series_uid="1.9")
    words = ("dicom", out / "4f2a", "--source", out.parent / "ct")
    answer = coronary(monkeypatch, *words)
    assert answer.code == 1 and "2 series lie on the grid of this case" in answer.last
    assert coronary(monkeypatch, *words, "--series", volume.series_uid).code == 0
    assert coronary(monkeypatch, *words, "--series", "ct").code == 0
    assert coronary(monkeypatch, *words, "--series", "localiser").code == 1


def test_a_source_without_the_series_and_a_wrong_folder_end_in_a_sentence(results, reader, monkeypatch):
    out, _ = results
    reader.pop("ct")
    answer = coronary(monkeypatch, "dicom", out / "4f2a", "--source", out.parent / "ct")
    assert (
        answer.code == 1
        and "no series lies on the grid of this case (the series is a localiser)" in answer.last
    )
    answer = coronary(monkeypatch, "dicom", out, "--source", out.parent / "ct")
    assert answer.code == 1 and "it holds no <case>_seg.nii.gz" in answer.last
    assert coronary(monkeypatch, "dicom", out / "4f2a", "--source", out / "nothing").code == 2


def test_after_a_run_the_objects_lie_beside_the_other_files_of_a_case(results, tmp_path):
    out, volume = results
    without_array = replace(volume, array=np.empty(0, np.int16))
    assert len(write_objects(out, "4f2a", without_array)) == 3
    assert write_objects(out, "failed in the run", volume) == []
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "empty.json").write_text('{"empty": true}')
    assert write_objects(tmp_path, "empty", volume) == []
