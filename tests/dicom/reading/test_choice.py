"""What is listed, how it is grouped, and which series is taken."""

from __future__ import annotations

import random

import numpy as np
import pytest

from bundle.dicom import choose, ct_slices, list_series, save_images

ARRAY = np.zeros((4, 4, 8), np.int16)
PHASE = "NominalPercentageOfCardiacPhase"
AFFINE = np.diag([-40.0, -40.0, 10.0, 1.0])


@pytest.fixture(autouse=True)
def _few_slices(monkeypatch):
    """Make a heart of eight slices, for time."""
    monkeypatch.setattr("bundle.dicom.reading.choice.LEAST_SLICES", 8)


def series(number, seed="1", array=ARRAY, **attributes):
    """Slices of a series of its own in the study of a patient."""
    uid = f"1.2.826.1.{ord(seed[0])}.{number}"
    about = {"SeriesNumber": number, "SeriesInstanceUID": uid, "SliceThickness": "1"} | attributes
    images = list(ct_slices(array, AFFINE, seed, **about))
    for k, image in enumerate(images):
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = f"{uid}.{k}"
    return images


def listed(tmp_path, *groups):
    """What `list_series` finds of slices in shuffled files."""
    images = [image for group in groups for image in group]
    random.Random(0).shuffle(images)
    save_images(images, tmp_path / "in")
    return list_series([tmp_path / "in"])


@pytest.mark.parametrize(
    ("better", "worse", "why"),
    [
        ({}, {"ContrastBolusAgent": ""}, "names no contrast agent"),
        ({}, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}, "is derived"),
        ({"SliceThickness": "0.6"}, {"SliceThickness": "0.9"}, "has thicker slices (0.9 mm)"),
        (
            {"NominalPercentageOfCardiacPhase": 74.0},
            {"NominalPercentageOfCardiacPhase": 40.0},
            "phase (40 %)",
        ),
        ({"SeriesDescription": "DOE 0.6 BestDiast 71 %"}, {"SeriesDescription": "DOE 35%"}, "phase (35 %)"),
        (
            {"TriggerTime": "600", "NominalInterval": "800"},
            {"TriggerTime": "320", "NominalInterval": "800"},
            "another phase (40 %)",
        ),
    ],
    ids=["contrast", "original", "thin", "phase", "phase in words", "trigger"],
)
def test_the_better_of_two_series_is_taken_and_why(better, worse, why, tmp_path):
    found = listed(tmp_path, series(2, **worse), series(7, **better))
    (choice,) = choose(found)
    assert choice.series.number == 7 and choice.reason.startswith("series 7: 8 slices of ")
    ((other, words),) = choice.others
    assert other.number == 2 and why in words and "DOE" not in choice.reason + words


def test_a_number_a_uid_or_a_name_picks_and_a_phase_is_neared(tmp_path):
    phases = [series(n, NominalPercentageOfCardiacPhase=float(p)) for n, p in ((3, 35), (4, 75), (5, 95))]
    found = listed(tmp_path, *phases)
    thick = found[2]
    for wanted in ("5", thick.series_uid, thick.case):
        assert choose(found, wanted)[0].series is thick
    assert choose(found, phase=40)[0].series.number == 3
    assert choose(found)[0].series.number == 4
    assert choose(found, "9")[0].series is None


def test_phases_known_by_their_order_alone_are_taken_at_three_quarters(tmp_path):
    images = []
    for position in range(1, 5):
        for image in series(5, TemporalPositionIdentifier=position):
            uid = f"{image.SOPInstanceUID}.{position}"
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = uid
            images.append(image)
    found = listed(tmp_path, images)
    assert [one.part for one in found] == [f"phase {n}" for n in range(1, 5)]
    assert len({one.case for one in found}) == 4
    (choice,) = choose(found)
    assert choice.series.part == "phase 4" and "by its place among the phases" in choice.reason


def test_triggers_that_change_from_slice_to_slice_split_nothing(tmp_path):
    images = series(5)
    for k, image in enumerate(images):
        image.TriggerTime, image.AcquisitionNumber = str(500 + k), k // 2
    (one,) = listed(tmp_path, images)
    assert len(one.slices) == 8


def test_patients_are_never_mixed(tmp_path):
    """Not even under one series UID, nor where only the names or the dates of birth differ."""
    about = [{}, {"PatientID": "2"}, {"PatientName": "Other^One"}, {"PatientBirthDate": "19700101"}]
    groups = []
    for number, attributes in enumerate(about):
        images = series(5, **attributes)
        for image in images:
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = (
                f"{image.SOPInstanceUID}.{number}"
            )
        groups.append(images)
    found = listed(tmp_path, *groups)
    assert [len(one.slices) for one in found] == [8] * 4
    assert all(len({header.patient for header in one.slices}) == 1 for one in found)
    assert [one.patient_number for one in found] == [1, 2, 3, 4] and len({one.case for one in found}) == 4
    assert sum("another patient" in remark for one in found for remark in one.remarks) == 3


def test_studies_of_nobody_are_kept_apart(tmp_path):
    nobody = {"PatientID": "", "PatientName": "", "PatientBirthDate": ""}
    found = listed(tmp_path, series(5, "1", **nobody), series(6, "2", **nobody))
    assert [one.patient_number for one in found] == [1, 2]
    assert len(choose(found)) == 2


def test_the_order_of_the_files_changes_nothing(tmp_path):
    groups = [series(n, seed) for seed in "12" for n in (4, 5)]
    first = listed(tmp_path / "a", *groups)
    again = listed(tmp_path / "b", *reversed(groups))
    assert [(one.case, one.patient_number) for one in first] == [
        (one.case, one.patient_number) for one in again
    ]


def test_what_a_series_says_of_itself_tells_nobody(tmp_path):
    (one,) = listed(
        tmp_path, series(5, PatientName="DOE^JANE", PatientID="DOE7", SeriesDescription="DOE 75%")
    )
    assert "DOE" not in f"{one!r}{one.first!r}{one.label}{one.case}" and one.series_uid not in repr(one)


@pytest.mark.slow
def test_twenty_thousand_files_of_ten_patients_are_listed_and_kept_apart(tmp_path):
    from studies.dicom_faults import listed as many

    found = many()
    assert (found["files"], found["patients"], found["series"], found["mixed"]) == (20_000, 10, 50, 0)
    assert found["seconds"] < 60
