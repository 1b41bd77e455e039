"""`coronary report`: pages of cases that are finished, and their index."""

from __future__ import annotations

import csv
import json

import pytest
from inference_run import CONTRAST
from page_case import data_of
from tube_cases import tube_case
from typed import coronary, sets

KEYS = {"network_def": CONTRAST, "spatial_size": [48, 48, 32], "geometry#pictures": False}


@pytest.fixture
def results(tmp_path, weights, monkeypatch):
    """Two cases that `segment` finished, in `results`, of the scans in `data`."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate("ab"):
        tube_case("data", name, seed=number)
    segment(monkeypatch, weights)
    return tmp_path / "results"


def segment(monkeypatch, weights, **keys):
    words = ("data", "--out", "results", "--mode", "paper", "--device", "cpu")
    keys = KEYS | {"ckpt_path": weights, "geometry#pictures": False} | keys
    assert coronary(monkeypatch, "segment", *words, *sets(**keys)).code == 0
    with open("results/summary.csv", newline="") as file:
        return [row["kept"] for row in csv.DictReader(file)]


def test_a_run_makes_pages_that_belong_to_its_cases(results, weights, monkeypatch):
    data = data_of(results / "a" / "a.html")
    assert {"surface", "branches", "volume", "cuts"} <= set(data)
    report = json.loads((results / "a" / "a.json").read_text())
    assert data["report"]["record"]["weights_sha256"] == report["record"]["weights_sha256"]
    assert report["record"]["file_bytes"]["a.html"] == (results / "a" / "a.html").stat().st_size
    assert [row["case"] for row in data_of(results / "index.html")["rows"]] == ["a", "b"]
    (results / "a" / "a.html").unlink()
    assert segment(monkeypatch, weights) == ["", "yes"] and (results / "a" / "a.html").is_file()
    assert segment(monkeypatch, weights, **{"geometry#page": False}) == ["", ""]
    assert not list(results.glob("*/*.html"))


def test_pages_are_made_again_and_their_cases_stay_finished(results, weights, monkeypatch):
    (results / "a" / "a.html").unlink()
    (results / "index.html").unlink()
    answer = coronary(monkeypatch, "report", "results", "--scans", "data")
    assert answer.code == 0 and answer.out.startswith("2 pages, and results/index.html")
    assert "volume" in data_of(results / "a" / "a.html") and (results / "index.html").is_file()
    assert segment(monkeypatch, weights) == ["yes", "yes"]


def test_a_page_with_slices_is_kept_where_its_scan_is_not_given(results, monkeypatch):
    before = (results / "a" / "a.html").read_bytes()
    answer = coronary(monkeypatch, "report", "results")
    assert answer.code == 0 and "2 pages are kept as they were" in answer.out
    assert (results / "a" / "a.html").read_bytes() == before


def test_without_scans_it_says_that_slices_are_missing(results, monkeypatch):
    for name in "ab":
        (results / name / f"{name}.html").unlink()
    answer = coronary(monkeypatch, "report", "results")
    assert answer.code == 0 and "2 pages have no slices (--scans gives them): a, b" in answer.out
    assert "volume" not in data_of(results / "a" / "a.html")


def test_a_case_that_fails_is_named_and_the_others_are_made(results, monkeypatch):
    (results / "a" / "a_centerline.vtp").write_text("no tree")
    for name in "ab":
        (results / name / f"{name}.html").unlink()
    answer = coronary(monkeypatch, "report", "results")
    assert answer.code == 1
    assert answer.last.startswith("error: case 'a': 'a_centerline.vtp' does not hold the branches"), (
        answer.err
    )
    assert (results / "b" / "b.html").is_file()


def test_a_folder_without_cases_is_a_sentence(results, monkeypatch):
    answer = coronary(monkeypatch, "report", "data")
    assert answer.code == 2 and "no folder in it holds the report of a case" in answer.last
    answer = coronary(monkeypatch, "report", results / "a")
    assert answer.code == 2 and answer.last.endswith("give the folder above it")
