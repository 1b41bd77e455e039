"""Each fault of a series: one sentence and exit code 1, or the series as it is; nothing half-written."""

from __future__ import annotations

import csv
import tempfile

import numpy as np
import pytest
from studies.dicom_faults_made import FAULTS, write_fault
from typed import coronary

from bundle.dicom import choose, list_series, read_series

SHAPE = (48, 40, 36)
AFFINE = np.diag([-4.0, -4.0, 1.9, 1.0])
ARRAY = np.random.default_rng(0).integers(-900, 900, SHAPE).astype(np.int16)


def named(code):
    return [pytest.param(fault, id=fault.what) for fault in FAULTS if fault.code == code]


@pytest.mark.parametrize("fault", named(1))
def test_a_fault_is_one_sentence_and_leaves_nothing_half_written(fault, tmp_path, monkeypatch):
    if "JPEG" in fault.what:
        pytest.importorskip("openjpeg")
    monkeypatch.chdir(tmp_path)
    write_fault(fault, tmp_path / "MUELLER_HANS", ARRAY, AFFINE)
    if fault.without:
        monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.is_available", False)
    asked = []
    monkeypatch.setattr("bundle.command.segment.run_configs", lambda *_, **keys: asked.append(keys))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    answer = coronary(monkeypatch, "segment", "MUELLER_HANS", "--out", "new")
    assert answer.code == 1 and fault.says in answer.last and answer.last.startswith("error: ")
    said = answer.out + answer.err
    assert "Traceback" not in said and "MUELLER" not in said and "PHANTOM-1" not in said
    assert not list((tmp_path / "scratch").iterdir())
    written = sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file())
    assert [path.name for path in written] in ([], ["index.html", "summary.csv"])
    for path in written[1:]:
        assert not any(word in written[0].read_text() for word in ("MUELLER", "PHANTOM-1"))
        (row,) = csv.DictReader(path.open())
        assert row["status"] == "failed" and fault.says in row["reason"] and row["case"].startswith("ct-")
    assert len(asked) == (1 if "header" in fault.what else 0)  # the other slices are whole


@pytest.mark.parametrize("fault", named(0))
def test_what_is_no_fault_is_read_voxel_for_voxel(fault, tmp_path):
    if "JPEG" in fault.what:
        pytest.importorskip("openjpeg")
        pytest.importorskip("libjpeg")
    write_fault(fault, tmp_path / "in", ARRAY, AFFINE)
    taken = [choice.series for choice in choose(list_series([tmp_path / "in"], tmp_path / "work"))]
    assert len(taken) == (2 if "patients" in fault.what else 1) and None not in taken
    for series in taken:
        assert bool(series.remarks) == ("twice" in fault.what or bool(series.twin))
        volume = read_series(series)
        expected = ARRAY.copy()
        if "padding" in fault.what:
            expected.transpose(2, 1, 0).reshape(SHAPE[2], -1)[:, :5] = -1024
            padded = volume.array.transpose(2, 1, 0).reshape(SHAPE[2], -1)
            assert (padded[:, :5] == -1024).all() and np.array_equal(
                padded[:, 5:], ARRAY.T.reshape(SHAPE[2], -1)[:, 5:]
            )
        else:
            assert np.array_equal(volume.array, expected)
        assert np.allclose(volume.affine, AFFINE, atol=1e-9) and len(volume.slices) == SHAPE[2]
