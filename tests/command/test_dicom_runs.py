"""`coronary segment` and `series` on DICOM: the results of the scan, and no person in any of them."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pytest
from inference_run import CONTRAST
from page_case import data_of
from pydicom.uid import generate_uid
from studies.dicom_planted import TEXT, UID_PART, places, plant, plant_cut_short
from tube_cases import tube_case, tube_volume
from typed import coronary, sets

from bundle.common.errors import InputError
from bundle.dicom import ct_slices, list_series, save_images

SHAPE, SPACING = (48, 48, 40), (1.0, 1.0, 1.6)
AFFINE = np.diag([-1.0, -1.0, 1.6, 1.0])


def images(seed="1", **attributes):
    image, _ = tube_volume(SHAPE, SPACING, seed=int(seed))
    return list(ct_slices(image, AFFINE, seed, **attributes))


def words(weights, **keys):
    keys = {"network_def": CONTRAST, "spatial_size": [48, 48, 32], "ckpt_path": weights} | keys
    keys = {"geometry#pictures": False} | keys
    return ("--out", "results", "--mode", "paper", "--device", "cpu", *sets(**keys))


def rows():
    with open("results/summary.csv", newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def on_the_page():
    """Case to status on the cohort's page."""
    return {row["case"]: row["status"] for row in data_of(Path("results/index.html"))["rows"]}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_person_is_in_any_output_or_in_what_is_said(tmp_path, weights, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slices = images()
    assert plant(slices) > 500
    save_images(slices, tmp_path / TEXT / "CT")
    plant_cut_short(images(seed="2"), tmp_path / f"{TEXT} 2", tmp_path / "export.zip")
    keys = words(weights, **{"geometry#pictures": True})
    answer = coronary(monkeypatch, "segment", TEXT, "export.zip", *keys, "--no-dicom")
    assert answer.code == 1 and "is cut short" in answer.last
    statuses = sorted(row["status"] for row in rows().values())
    assert statuses == ["failed", "ok"] and len(list((tmp_path / "results").rglob("*"))) > 10
    assert places(tmp_path / "results", answer.out + answer.err) == set()
    # Objects of the study carry what was planted, or cannot be made of it: neither is told.
    answer = coronary(monkeypatch, "segment", TEXT, "export.zip", *keys)
    assert answer.code == 1 and places(tmp_path / "results", answer.out + answer.err) == set()
    for options in ((), ("--json",)):
        answer = coronary(monkeypatch, "series", TEXT, "export.zip", *options)
        assert answer.code == 0 and places(tmp_path / "results", answer.out + answer.err) == set()
    answer = coronary(monkeypatch, "series", TEXT, "--show-headers")
    assert f"{TEXT}4711" in answer.out and UID_PART in answer.out


def test_a_series_gives_the_mask_of_its_nifti_and_a_second_run_keeps_it(tmp_path, weights, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_images(images(), tmp_path / "ct")
    tube_case("nifti", "a", SHAPE, SPACING, AFFINE, seed=1)
    answer = coronary(monkeypatch, "segment", "ct", "nifti", *words(weights))
    assert answer.code == 0 and "from DICOM: 1 of 1 cases are finished" in answer.out
    assert "pages: results/index.html" in answer.out.splitlines()
    assert not list((tmp_path / "results" / "a").glob("*.dcm"))
    (case,) = set(rows()) - {"a"}
    assert case == list_series(["ct"])[0].case
    masks = [nib.load(f"results/{name}/{name}_seg.nii.gz") for name in (case, "a")]
    assert (
        np.array_equal(*(np.asarray(mask.dataobj) for mask in masks)) and np.asarray(masks[0].dataobj).any()
    )
    assert np.allclose(masks[0].affine, masks[1].affine)
    objects = {path: path.stat().st_mtime_ns for path in (tmp_path / "results" / case).glob("*.dcm")}
    assert {path.name for path in objects} == {f"{case}_{role}.dcm" for role in ("seg", "sr", "mesh")}
    for name in (case, "a"):
        listed = json.loads((tmp_path / "results" / name / f"{name}.json").read_text())["files"].values()
        there = [path.name for path in (tmp_path / "results" / name).iterdir()]
        assert sorted([*listed, f"{name}.json"]) == sorted(there)
    seg = hd.seg.segread(tmp_path / "results" / case / f"{case}_seg.dcm")
    frames = [image.SOPInstanceUID for image in images()]
    voxels = seg.get_pixels_by_source_instance(
        frames, segment_numbers=[1], assert_missing_frames_are_empty=True
    )
    assert np.array_equal(voxels[..., 0].transpose(2, 1, 0), np.asarray(masks[0].dataobj))
    scene = (tmp_path / "results" / case / f"{case}_scene.mrml").read_text()
    assert f"{case}_seg.nii.gz" in scene and f"{case}.nii" not in scene
    answer = coronary(monkeypatch, "segment", "ct", "nifti", *words(weights))
    assert answer.code == 0 and [row["kept"] for row in rows().values()] == ["yes", "yes"]
    assert objects == {path: path.stat().st_mtime_ns for path in objects}

    # Its page is made again of what it was segmented from.
    page = tmp_path / "results" / case / f"{case}.html"
    before = data_of(page)
    page.unlink()
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for file in (tmp_path / "ct").iterdir():
            archive.write(file, f"ct/{file.name}")
    answer = coronary(monkeypatch, "report", "results", "--scans", "export.zip", "--scans", "nifti")
    assert answer.code == 0 and answer.out.startswith("2 pages") and "note" not in answer.out
    assert (
        data_of(page)["volume"] == before["volume"] and data_of(page)["cuts"].keys() == before["cuts"].keys()
    )

    # The series is cut: what was made of it goes, and the other case stays.
    (tmp_path / "ct" / "IM0007.dcm").unlink()
    answer = coronary(monkeypatch, "segment", "ct", "nifti", *words(weights))
    assert answer.code == 1 and "lacks 1 slice" in answer.last
    assert {name: row["status"] for name, row in rows().items()} == {"a": "ok", case: "failed"}
    assert on_the_page() == {"a": "ok", case: "failed"}
    assert not (tmp_path / "results" / case).exists() and (tmp_path / "results" / "a" / "a.json").is_file()


def test_where_no_series_can_be_read_the_page_of_all_cases_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = save_images(images(), tmp_path / "ct")
    files[7].unlink()
    answer = coronary(monkeypatch, "segment", "ct", "--out", "results")
    assert answer.code == 1 and "lacks 1 slice" in answer.last
    assert list(on_the_page().values()) == ["failed"] == [row["status"] for row in rows().values()]


@pytest.fixture
def two_patients(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_images(images(PatientID="A/1", SeriesNumber=4), tmp_path / "in" / "one")
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesInstanceUID": generate_uid()}
    save_images(images(PatientID="A/1", SeriesNumber=1, **scout)[:2], tmp_path / "in" / "scout")
    save_images(images("2", SeriesNumber=4), tmp_path / "in" / "two")
    return tmp_path


def volumes(monkeypatch):
    """What `coronary segment` would run on: case to affine and files."""
    found = {}

    def run_configs(*_, dataset_dir, **__):
        for path in [dataset_dir] if isinstance(dataset_dir, str) else dataset_dir:
            found[path.rsplit("/", 1)[-1].removesuffix(".nii")] = nib.load(path).shape

    monkeypatch.setattr("bundle.command.segment.run_configs", run_configs)
    return found


def test_each_patient_is_a_case_called_by_a_hash_or_as_asked_by_the_id(two_patients, monkeypatch):
    found = volumes(monkeypatch)
    assert coronary(monkeypatch, "segment", "in", "--out", "new").code == 0
    assert len(found) == 2 and all(name.startswith("ct-") for name in found)
    found.clear()
    assert coronary(monkeypatch, "segment", "in", "--out", "new", "--names-from-dicom").code == 0
    assert found == {"A_1-4": SHAPE, "PHANTOM-2-4": SHAPE}


def test_a_series_can_be_named(two_patients, monkeypatch):
    found = volumes(monkeypatch)
    name = list_series(["in/two"])[0].case
    assert coronary(monkeypatch, "segment", "in", "--out", "new", "--series", name).code == 0
    assert list(found) == [name]
    answer = coronary(monkeypatch, "segment", "in", "--out", "new", "--series", "77")
    assert answer.code == 2 and "--series 77 is none of the 3" in answer.last
    tube_case("nifti", "a", (32, 32, 16))
    answer = coronary(monkeypatch, "segment", "nifti", "--out", "new", "--series", "4")
    assert answer.code == 2 and "there is none" in answer.last


def test_a_page_finds_its_series_by_either_name_and_by_its_grid(two_patients, monkeypatch):
    from bundle.command.report import _scans_of
    from bundle.dicom import read_series

    save_images(images("3", PatientID="A/1", SeriesNumber=4), two_patients / "in" / "later")
    hashed, later = (list_series([f"in/{name}"])[0] for name in ("two", "later"))
    volume = read_series(later)
    scan = {"shape": list(SHAPE), "affine_ras_mm": (volume.affine + np.eye(4, k=3) * 5).tolist()}
    reports = {hashed.case: {}, "PHANTOM-2-4": {}, "A_1-4-2": {"scan": scan}, "A_1-44": {}, "B-4": {}}
    found, faults = _scans_of([two_patients / "in"], reports, two_patients)
    assert found.keys() == {hashed.case, "PHANTOM-2-4", "A_1-4-2"} and not faults
    assert np.array_equal(found["PHANTOM-2-4"]()[0], read_series(hashed).array)
    with pytest.raises(InputError, match="2 series have its name"):
        found["A_1-4-2"]()


def test_the_list_says_what_is_taken_and_why_not(two_patients, monkeypatch):
    answer = coronary(monkeypatch, "series", "in", "--json")
    listed = json.loads(answer.out)
    assert [row["taken"] for row in listed].count("yes") == 2
    (scout,) = [row for row in listed if row["series"] == 1]
    assert scout["taken"] == "no" and scout["why"] == "is a localiser" and scout["slices"] == 2
    answer = coronary(monkeypatch, "series", "in")
    assert len(answer.out.splitlines()) == 4 and answer.out.startswith("patient  study  series")


def test_volumes_of_finished_cases_are_handed_on_with_their_files(two_patients, monkeypatch, tmp_path):
    from bundle.command.dicom_inputs import chosen, convert, finished

    _, choices = chosen([two_patients / "in"], tmp_path / "work", None, None)
    (tmp_path / "work").mkdir()
    done = convert(choices, tmp_path / "work")
    first, second = done.volumes
    (tmp_path / "out" / first).mkdir(parents=True)
    (tmp_path / "out" / first / f"{first}.json").write_text("{}")
    assert finished(tmp_path / "out", done.volumes) == {first: done.volumes[first]}
    volume = done.volumes[second]
    assert volume.array.size == 0 and len(volume.slices) == SHAPE[2]
    assert all(part.path.is_file() and part.frame is None for part in volume.slices)


@pytest.mark.parametrize(
    ("typed_so", "sentence"),
    [
        (("--device", "cuda:99"), "GPU"),
        (("--device", "gpu"), "it must be cpu, cuda"),
        (("--set", "treshold_upper=0.3"), "did you mean threshold_upper?"),
        (("--set", "threshold_upper=35"), "it is a share"),
        (("--set", "ckpt_path=nowhere.pt"), "nowhere.pt does not exist"),
        (("--config", "modes/native_train.yaml"), "it belongs over train.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_answered_before_any_dicom_is_read(typed_so, sentence, two_patients, monkeypatch):
    def read(*_, **__):
        raise AssertionError("DICOM was read")

    monkeypatch.setattr("bundle.dicom.list_series", read)
    answer = coronary(monkeypatch, "segment", "in", "--out", "new", *typed_so)
    assert answer.code == 2 and sentence in answer.last
    assert not (two_patients / "new").exists()


def test_a_folder_without_scans_ends_alike_in_both_commands_and_dicom_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").write_text("call the scanner's support")
    out = ("--out", "new")
    for words in (("series", "none"), ("segment", "none", *out), ("segment", "none/notes.txt", *out)):
        answer = coronary(monkeypatch, *words)
        assert answer.code == 2 and "DICOM" in answer.last, answer.err
    assert not (tmp_path / "new").exists()
