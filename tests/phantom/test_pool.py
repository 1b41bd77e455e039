"""Phantoms on disk: layout, restarts, agreement with the arrays."""

import json

import nibabel as nib
import numpy as np
import openpyxl

from bundle.phantom import files, make_phantom, make_pool, write_imagecas

TINY = (32, 32, 24)


def test_imagecas_layout_holds_what_was_made(tmp_path):
    cases = write_imagecas(range(20, 24), tmp_path, shape=TINY, processes=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-200", "imageCAS_data_split.xlsx"]
    truth = json.loads((tmp_path / "1-200" / "3.truth.json").read_text())
    assert truth["parameters"]["seed"] == 22 and truth["space"] == "RAS"
    expected = make_phantom(22, TINY)
    stored = nib.load(cases[2]["image"])
    np.testing.assert_array_equal(np.asarray(stored.dataobj), expected.image)
    np.testing.assert_allclose(stored.affine, expected.affine, atol=1e-3)
    assert stored.get_data_dtype() == np.int16
    assert nib.load(cases[2]["label"]).get_data_dtype() == np.uint8
    rows = list(
        openpyxl.load_workbook(tmp_path / "imageCAS_data_split.xlsx").active.iter_rows(values_only=True)
    )
    assert rows[1][:2] == ("FileName", "Split-1")
    parts = [row[1] for row in rows[2:]]
    assert set(parts) == {"Training", "Val", "Testing"} and len(parts) == 4


def test_a_second_run_keeps_what_is_complete_and_remakes_another_seed(tmp_path):
    cases = write_imagecas([1, 2], tmp_path, shape=TINY, processes=1)
    from pathlib import Path

    before = [Path(c["truth"]).stat().st_mtime_ns for c in cases]
    write_imagecas([1, 9], tmp_path, shape=TINY, processes=1)
    after = [Path(c["truth"]).stat().st_mtime_ns for c in cases]
    assert after[0] == before[0] and after[1] != before[1]


def test_files_of_another_generator_are_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SMALL", TINY)
    monkeypatch.setattr(files, "GENERATOR", 1)
    (path,) = make_pool(1, 5, tmp_path, processes=1)
    monkeypatch.undo()
    monkeypatch.setattr(files, "SMALL", TINY)
    make_pool(1, 5, tmp_path, processes=1)
    with np.load(path) as case:
        assert case["generator"] == files.GENERATOR > 1


def test_pool_restarts_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SMALL", TINY)
    first = make_pool(2, 5, tmp_path, processes=1)
    stamp = first[0].stat().st_mtime_ns
    again = make_pool(3, 5, tmp_path, processes=1)
    assert [p.name for p in again] == ["5.npz", "6.npz", "7.npz"]
    assert again[0].stat().st_mtime_ns == stamp
    with np.load(again[2]) as case:
        assert case["image"].shape == TINY and case["image"].dtype == np.int16
        assert nib.aff2axcodes(case["affine"]) == ("R", "A", "S")
