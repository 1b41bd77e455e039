"""Which changes of a calibre are claimed."""

from __future__ import annotations

import csv
import json

import matplotlib.image
import numpy as np
import pytest
from twice import heart_branches, moved, rigid, rough, widened, without

from bundle.geometry.compare import compare_trees, write_comparison

MATRIX = rigid((10, 5, -15), (12, 0, -8))


@pytest.fixture(scope="module")
def heart():
    return heart_branches()


def second_scan(heart, *change, offset_mm=0.0):
    there = widened(heart, *change) if change else heart
    if offset_mm:
        for name in {branch.name for branch in there}:
            there = widened(there, name, 0, 1e3, offset_mm)
    return moved(rough(there, 0.05, 1), MATRIX)


def test_a_vessel_wider_over_15_mm_is_found_there_and_nowhere_else(heart):
    found = compare_trees(rough(heart, 0.05, 0), second_scan(heart, "RCA", 40, 55, 0.3))
    (change,) = found.changes()
    own = found.places[change.pair]
    assert heart[own.first].name == "RCA"
    assert own.at_first[change.places][[0, -1]] == pytest.approx([40, 55], abs=2)
    assert change.low_mm < 0.3 < change.high_mm and change.mean_mm == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("by_mm", [0.1, -0.1, 0.0])
def test_a_tenth_of_a_millimetre_is_not_claimed(heart, by_mm):
    found = compare_trees(rough(heart, 0.05, 0), second_scan(heart, "RCA", 40, 55, by_mm))
    assert not found.changes()


def test_the_blur_of_another_scanner_is_told_and_taken_off(heart):
    found = compare_trees(rough(heart, 0.05, 0), second_scan(heart, "LAD", 30, 45, -0.4, offset_mm=0.25))
    assert found.noise.offset_mm == pytest.approx(0.25, abs=0.03)
    (change,) = found.changes()
    assert found.first[found.places[change.pair].first].name == "LAD"
    assert change.mean_mm == pytest.approx(-0.4, abs=0.06)
    assert "mm wider throughout" in " ".join(found.record()["warnings"])


def test_nothing_is_claimed_at_bifurcations_gaps_and_ends(heart):
    there = heart_branches()
    for branch in there:
        branch.gap = (branch.along_mm >= 40) & (branch.along_mm <= 55)
        branch.radius = branch.radius + 1.0 * branch.gap
    found = compare_trees(heart, there)
    assert not found.changes()
    for own in found.places:
        inside = (own.at_first > 41) & (own.at_first < 54)
        assert not own.compared[inside].any()
        assert not own.compared[own.at_first > heart[own.first].length_mm - 1].any()


def test_a_missing_branch_is_said_to_be_missing(heart, tmp_path):
    found = compare_trees(heart, without(heart, "D1"))
    record = write_comparison(found, tmp_path, ("a", "b"))
    missing = [row for row in record["branches"] if row["seen_in"] != "both"]
    assert [(row["branch"], row["seen_in"]) for row in missing] == [("D1", "first")]


def test_the_files_say_the_same(heart, tmp_path):
    itk = pytest.importorskip("itk")
    found = compare_trees(rough(heart, 0.05, 0), second_scan(heart, "RCA", 40, 55, 0.3))
    record = write_comparison(found, tmp_path, ("a", "b"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a_to_b.json", "a_to_b_branches.csv", "a_to_b_calibres.csv", "a_to_b_calibres.png",
        "a_to_b_rigid.tfm",
    ]  # fmt: skip
    assert json.loads((tmp_path / "a_to_b.json").read_text())["changes"] == record["changes"]
    with open(tmp_path / "a_to_b_calibres.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    claimed = [float(row["first_mm"]) for row in rows if row["claimed"] == "wider"]
    assert claimed == list(np.arange(claimed[0], claimed[-1] + 1))
    assert {row["branch"] for row in rows if row["claimed"]} == {"RCA"}
    assert matplotlib.image.imread(tmp_path / "a_to_b_calibres.png").std() > 0.05
    (transform,) = itk.transformread(str(tmp_path / "a_to_b_rigid.tfm"))
    lps = np.array([-1.0, -1.0, 1.0])
    place = heart[0].points[0]
    there = np.array(transform.TransformPoint([float(x) for x in place * lps])) * lps
    np.testing.assert_allclose(there, found.registration.rigid[:3] @ np.append(place, 1), atol=1e-6)
