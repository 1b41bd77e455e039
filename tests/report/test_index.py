"""The page of a cohort: a row a case, also those that failed, and quick with a thousand."""

from __future__ import annotations

import json
import time

import pytest
from page_case import data_of, page_case

from bundle.report import INDEX, case_reports, write_index


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with a finished case, an empty one, one that failed, and files of others."""
    root = tmp_path_factory.mktemp("results")
    report, _ = page_case(root / "a #1", "a #1", with_ct=False)
    (root / "a #1" / "a #1.json").write_text(json.dumps(report, default=float))
    nothing = {
        "case": "b",
        "empty": True,
        "reason": "the mask is empty",
        "files": {},
        "warnings": [],
        "mask_volume_mm3": 0,
    }
    (root / "b").mkdir()
    (root / "b" / "b.json").write_text(json.dumps(nothing))
    (root / "notes").mkdir()
    (root / "notes" / "notes.json").write_text("[1, 2]")
    (root / "notes" / "half.json").write_text('{"half": ')
    (root / "summary.csv").write_text(
        "case,status,reason\na #1,ok,\nb,empty,\nc,failed,'/data/c.nii.gz' is empty\n"
    )
    return root


def test_a_row_a_case(results):
    assert write_index(results) == results / INDEX
    rows = {row["case"]: row for row in data_of(results / INDEX)["rows"]}
    assert {case: row["status"] for case, row in rows.items()} == {"a #1": "ok", "b": "empty", "c": "failed"}
    report = case_reports(results)["a #1"]
    clear = [row["percent_diameter_stenosis"] for row in report["stenoses"] if row["assessable"]]
    own = rows["a #1"]
    assert clear and own["worst"] == max(clear) and own["volume_mm3"] == report["mask_volume_mm3"]
    assert own["page"] == "a%20%231/a%20%231.html" and own["picture"].startswith("data:image/webp;base64,")
    assert rows["c"]["reason"] == "'c.nii.gz' is empty" and rows["b"]["reason"] == "the mask is empty"


def test_no_case_no_page(tmp_path):
    assert write_index(tmp_path) is None and not list(tmp_path.iterdir())


def test_a_thousand_cases_take_seconds(results, tmp_path):
    report = case_reports(results)["a #1"]
    for number in range(1000):
        folder = tmp_path / f"{number:04d}"
        folder.mkdir()
        (folder / f"{number:04d}.json").write_text(json.dumps(report | {"case": folder.name}))
    start = time.process_time()
    write_index(tmp_path)
    assert time.process_time() - start < 5
    assert len(data_of(tmp_path / INDEX)["rows"]) == 1000
