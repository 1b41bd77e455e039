"""scripts/register.py, called as a person calls it."""

from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pytest
from hearts import SEGMENTS
from register import main
from script_call import call
from shapes import rotation, tube

from bundle.common.coordinates import voxel_to_world
from bundle.common.polylines import resample


def write_heart(path, signs, turn=(0, 0, 0), voxel_mm=0.6, orders=(0, 1, 2)):
    """A mask of the schematic left tree whose array axes run as `signs` and `orders` say."""
    names = ("LM", "LAD 1", "LAD 2", "LCx 1", "OM1", "D1")
    lines = [resample(np.asarray(SEGMENTS[n][1], float), 0.5) @ rotation(turn).T for n in names]
    every = np.concatenate(lines)
    low, high = every.min(axis=0) - 5, every.max(axis=0) + 5
    affine = np.eye(4)
    affine[:3, :3] = (np.diag(signs) * voxel_mm)[:, orders]
    affine[:3, 3] = np.where(np.array(signs) > 0, low, high)
    shape = np.ceil((high - low) / voxel_mm).astype(int)[list(orders)]
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    points = voxel_to_world(index, affine)
    inside = np.zeros(len(points), bool)
    for name, line in zip(names, lines):
        inside |= tube(points, line, SEGMENTS[name][2]) > 0
    nib.save(nib.Nifti1Image(inside.reshape(shape).astype(np.uint8), affine), path)


def test_mirrored_and_swapped_axes_make_no_difference(tmp_path, capsys):
    write_heart(tmp_path / "ras.nii.gz", (1, 1, 1))
    write_heart(tmp_path / "lps.nii.gz", (-1, -1, 1), orders=(1, 2, 0))
    out = tmp_path / "out"
    assert call(main, tmp_path / "ras.nii.gz", tmp_path / "lps.nii.gz", "--out", out) == 0
    record = json.loads((out / "ras_to_lps.json").read_text())
    assert record["turn_deg"] < 1 and record["shift_mm"] < 0.5 and record["apart_median_mm"] < 0.2
    assert record["changes"] == [] and "no change of a diameter" in capsys.readouterr().out
    with open(out / "ras_to_lps_branches.csv", newline="") as table:
        assert {"both"} == {row["seen_in"] for row in csv.DictReader(table)}


def test_bad_input_ends_in_one_sentence_and_writes_nothing(tmp_path, capsys):
    write_heart(tmp_path / "good.nii.gz", (1, 1, 1), voxel_mm=1.0)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.nii.gz").write_text("no scan")
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 8), np.uint8), np.eye(4)), tmp_path / "nothing.nii.gz")
    for bad, words in (
        ("nowhere", "is not there"),
        ("empty", "holds no <case>_centerline.vtp"),
        ("text.nii.gz", "text.nii.gz"),
        ("nothing.nii.gz", "the mask is empty"),
    ):
        assert call(main, tmp_path / bad, tmp_path / "good.nii.gz", "--out", tmp_path / "out") == 1
        said = capsys.readouterr().err
        assert words in said and said.startswith("error: ") and len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("one",), ("one", "two", "three")])
def test_two_scans_are_asked_for(words, tmp_path):
    assert call(main, *words, "--out", tmp_path) == 2
