"""A rerun keeps what is finished, by content and settings, and nothing else."""

import csv
import gzip
import json
import os
import subprocess
import sys

import pytest
from contrast_network import ContrastNetwork
from inference_run import CONTRAST, ROOT, workflow
from tube_cases import tube_case

from bundle.cohort.records import CaseRecords
from bundle.common.errors import find_input_error
from bundle.networks.weights import save_weights

SMALL = {"spatial_size": [24, 24, 16]}


@pytest.fixture
def cohort(tmp_path, weights):
    """Two cases, "1" and "2", that a first run finished."""
    for name in ("1", "2"):
        tube_case(tmp_path / "data", name, shape=(24, 24, 16), seed=int(name))
    workflow(tmp_path / "data", tmp_path / "eval", weights, **SMALL).run()
    return tmp_path


def rows(folder):
    with open(folder / "eval" / "summary.csv", newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def again(folder, **override):
    """The cases that a second run keeps."""
    workflow(folder / "data", folder / "eval", folder / "contrast.pt", **SMALL | override).run()
    return {case for case, row in rows(folder).items() if row["kept"] == "yes"}


def contents(folder):
    return {path.name: path.read_bytes() for path in (folder / "eval").glob("*/*")}


def without_times(files):
    """Report and page tell how long each stage took."""
    return {name: content for name, content in files.items() if not name.endswith((".json", ".html"))}


def test_finished_cases_are_kept_with_their_figures(cohort):
    before, table = contents(cohort), rows(cohort)
    stamps = {path: path.stat().st_mtime_ns for path in (cohort / "eval").glob("*/*")}
    assert again(cohort) == {"1", "2"}
    assert contents(cohort) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    for case, row in rows(cohort).items():
        ignored = {"kept": "", "seconds": ""}
        assert row | ignored == table[case] | ignored and row["status"] == "ok"


def test_what_is_doubtful_about_a_scan_stands_in_table_and_report(cohort):
    """These scans have no air."""
    report = json.loads((cohort / "eval" / "1" / "1.json").read_text())
    assert "does not look like a CT" in report["warnings"][0]
    assert rows(cohort)["1"]["warnings"] == "; ".join(report["warnings"])
    assert report["warnings"][: len(report["scan"]["warnings"])] == report["scan"]["warnings"]


def test_another_name_for_the_folder_changes_nothing(cohort):
    (cohort / "data").rename(cohort / "moved")
    (cohort / "data").symlink_to(cohort / "moved")
    assert again(cohort) == {"1", "2"}


def test_redo_makes_every_case_again(cohort):
    before = contents(cohort)
    assert again(cohort, redo="true") == set()
    assert without_times(contents(cohort)) == without_times(before)


def change_scan(folder):
    tube_case(folder / "data", "1", shape=(24, 24, 16), seed=9)


def change_weights(folder):
    save_weights(ContrastNetwork(level=0.5), folder / "contrast.pt")


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (change_scan, {"2"}),
        (change_weights, set()),
        (lambda d: (d / "eval/1/1_mesh.ply").unlink(), {"2"}),
        (lambda d: (d / "eval/1/1.html").unlink(), {"2"}),
        (lambda d: os.truncate(d / "eval/1/1_prob.nii.gz", 100), {"2"}),
        (lambda d: (d / "eval/1/1_seg.nii.gz").unlink(), {"2"}),
        (lambda d: (d / "eval/1/1.json").write_text('{"half": '), {"2"}),
        (lambda d: (d / "eval/1/1.json").write_text("[]"), {"2"}),
        (lambda d: (d / "eval/1/1.json").unlink(), {"2"}),
    ],
    ids=[
        "scan",
        "weights",
        "mesh gone",
        "page gone",
        "short",
        "mask gone",
        "half record",
        "no record",
        "record gone",
    ],
)
def test_a_case_that_is_not_what_it_should_be_is_made_again(cohort, change, kept):
    change(cohort)
    assert again(cohort) == kept
    assert again(cohort) == {"1", "2"}


@pytest.mark.parametrize(
    "override",
    [
        {"hu_range": [-500, 900]},
        {"threshold_upper": 0.4},
        {"geometry#voxel_points": True},
        {"network_def": CONTRAST | {"gain": 50.0}},
    ],
    ids=lambda override: next(iter(override)),
)
def test_another_setting_makes_every_case_again(cohort, override):
    assert again(cohort, **override) == set()


def test_what_replaces_finished_cases_is_said_before_they_begin(tmp_path, monkeypatch, caplog):
    (tmp_path / "scan.nii.gz").write_bytes(b"scan")
    (tmp_path / "w.pt").write_bytes(b"weights")

    def records(settings, *configs, weights="w.pt"):
        monkeypatch.setattr("bundle.cohort.records.config_names", lambda: list(configs))
        return CaseRecords(tmp_path / "eval", tmp_path / weights, settings=settings)

    def said(*about, **more):
        caplog.clear()
        records(*about, **more).announce(["a", "never made"])
        return [record.getMessage() for record in caplog.records]

    first = records("one", "inference.yaml", "native.yaml")
    first.kept("a", tmp_path / "scan.nii.gz")
    (tmp_path / "eval" / "a").mkdir(parents=True)
    (tmp_path / "eval" / "a" / "a.json").write_text(json.dumps({"record": first.stamp("a", [])}))
    assert said("one", "inference.yaml", "native.yaml") == []
    (line,) = said("two", "inference.yaml", "paper.yaml")
    assert line.startswith("1 finished case is made again")
    assert "made with native.yaml, now asked for with paper.yaml" in line
    (line,) = said("two", "inference.yaml", "native.yaml")
    assert "there: the settings changed;" in line
    (tmp_path / "v.pt").write_bytes(b"others")
    (line,) = said("two", weights="v.pt")
    assert "there: the weights changed and the settings changed;" in line


def test_where_it_runs_is_no_setting(cohort):
    assert again(cohort, device="cpu") == {"1", "2"}


def test_a_case_that_fails_now_leaves_nothing_of_its_earlier_run(cohort):
    (cohort / "data" / "1.img.nii.gz").write_bytes(gzip.compress(b"no image"))
    (cohort / "eval" / "1" / "notes.txt").write_text("a person's own")
    with pytest.raises(RuntimeError) as caught:
        again(cohort)
    assert "1 of 2 cases failed" in str(find_input_error(caught.value))
    assert [path.name for path in (cohort / "eval" / "1").iterdir()] == ["notes.txt"]
    assert rows(cohort)["1"]["status"] == "failed" and rows(cohort)["2"]["kept"] == "yes"


def test_half_files_of_a_kill_go(cohort):
    (cohort / "eval" / "1" / "1.json").unlink()
    half = cohort / "eval" / "1" / ".unfinished-12345-1_seg.nii.gz"
    half.write_bytes(b"half")
    again(cohort)
    assert not half.exists()


def test_data_beside_a_header_count_as_the_scan(tmp_path):
    """A .mhd holds no voxels: its .raw does."""
    (tmp_path / "a.raw").write_bytes(bytes(range(24)))
    header = (
        "ObjectType = Image\nNDims = 3\nDimSize = 2 3 4\nElementType = MET_UCHAR\nElementDataFile = a.raw\n"
    )
    (tmp_path / "a.mhd").write_text(header)
    (tmp_path / "w.pt").write_bytes(b"weights")

    def fingerprint():
        records = CaseRecords(tmp_path / "eval", tmp_path / "w.pt", settings="settings")
        assert records.kept("a", tmp_path / "a.mhd") is None
        return records.stamp("a", [])["scan_sha256"]

    before = fingerprint()
    assert fingerprint() == before
    (tmp_path / "a.raw").write_bytes(bytes(24))
    assert fingerprint() != before


def command(folder):
    """A command line that runs the inference over ``folder / "data"``."""
    given = {
        "dataset_dir": folder / "data",
        "output_dir": folder / "eval",
        "ckpt_path": folder / "contrast.pt",
    }
    given |= {"network_def": json.dumps(CONTRAST), "spatial_size": "[24,24,16]", "geometry#pictures": "False"}
    words = [sys.executable, "-m", "monai.bundle", "run", "inference"]
    words += ["--config_file", "configs/inference.yaml"]
    for key, value in given.items():
        words += [f"--{key}", str(value)]
    return words


FULL_DISK = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.argv = sys.argv[1:]
runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(200, id="volumes", marks=pytest.mark.slow),
        pytest.param(3000, id="first mesh", marks=pytest.mark.slow),
        pytest.param(30000, id="later mesh"),
    ],
)
def test_a_full_disk_is_one_sentence_and_no_half_file(cohort, limit):
    """No file may grow beyond a limit: to the program that is a disk that is full."""
    whole = contents(cohort)
    _, _, module, *options = command(cohort)
    words = [sys.executable, "-c", FULL_DISK.format(limit=limit), module, *options, "--redo", "True"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "the disk is full" in done.stderr.strip().splitlines()[-1]
    for path in (cohort / "eval").rglob("*"):
        if path.is_file() and path.parent.name in ("1", "2"):
            assert path.suffix != ".json", path
            assert path.read_bytes() == whole[path.name], path
    assert again(cohort) == set()
    assert without_times(contents(cohort)) == without_times(whole)
