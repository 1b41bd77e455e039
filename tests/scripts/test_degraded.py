"""What the study of spoilt masks counts, on trees whose right answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from studies.degrade import Faults, Truth, degrade
from studies.degraded import (
    Ways,
    countable,
    group_of,
    is_clear,
    join_scores,
    lesion_scores,
    name_scores,
    names_table,
)  # fmt: skip
from study_vessels import case_of, tree_along, tube

from bundle.geometry.core import Tree
from bundle.geometry.measure import Stenosis


def test_a_vessel_is_right_as_far_as_a_branch_of_its_name_lies_on_it():
    case = case_of(tube())
    (row,) = name_scores(tree_along((0, 60)), case)
    assert row["right"] == row["mm"] > 59 and row["wrong"] == row["unknown"] == 0
    (row,) = name_scores(tree_along((0, 30)), case)
    assert row["right"] == pytest.approx(31, abs=1) and row["unknown"] == pytest.approx(29, abs=1)
    (row,) = name_scores(tree_along((0, 60), name="AM1"), case)
    assert row["wrong"] == row["mm"] and row["said"] == "AM1"
    (row,) = name_scores(Tree(), case)
    assert row["unknown"] == row["mm"]


def test_a_number_is_no_family():
    assert [group_of(name) for name in ("D2", "PLV", "CB", "AM1", "S3", "LAD")] == [
        "D", "PLV", "AM", "AM", "S", "LAD",
    ]  # fmt: skip


def test_a_gap_is_joined_if_its_sides_hang_together():
    case = case_of(tube(), breaks_mm=[4.0])
    (gap,) = case.gaps
    first, last = gap.start[0], gap.end[0]
    apart = join_scores(tree_along((0, first), (last, 60)), case)
    assert (apart["gaps"], apart["gaps_joined"], apart["joins"], apart["gaps_4"]) == (1, 0, 0, 1)
    joined = join_scores(tree_along((0, 60), gap=(first, last)), case)
    assert (joined["gaps_joined"], joined["joins"], joined["false_joins"]) == (1, 1, 0)


def test_a_join_to_what_is_no_neighbour_is_false():
    case = case_of(tube(length_mm=30))
    row = join_scores(tree_along((0, 60), gap=(30, 45)), case)  # into nowhere
    assert (row["joins"], row["false_joins"]) == (1, 1)


def test_a_way_is_as_long_as_the_lines_that_it_takes():
    main = np.stack([np.arange(0, 50.5, 0.5), np.zeros(101), np.zeros(101)], axis=1)
    side = np.stack([np.full(41, 20.0), np.arange(0, 20.5, 0.5), np.zeros(41)], axis=1)
    ways = Ways([(main, -1), (side, 0), (main + (0, 0, 90), -1)])
    assert ways.between(main[0], side[-1]) == pytest.approx(40, abs=0.01)
    assert ways.between(main[0], main[0] + (0, 0, 90)) == np.inf
    assert ways.between(main[0], main[0] + (0, 0, 20)) == np.inf  # off the lines


def lesion(percent, at_mm=30.0):
    return {"percent_diameter_stenosis": percent, "at_mm": at_mm, "length_mm": 10.0, "stent": False}


def finding(percent, at_mm=30.0):
    return Stenosis(0, at_mm, at_mm - 3, at_mm + 3, 3.6 * (1 - percent / 100), 3.6, np.array([at_mm, 0, 0]))


def test_a_lesion_is_found_by_a_narrowing_near_it_and_one_elsewhere_is_false():
    tree, case = tree_along((0, 60)), case_of(tube(lesions=[lesion(60)]))
    row = lesion_scores(tree, [finding(65, 31.0)], case)
    assert (row["lesions"], row["lesions_found"], row["false"]) == (1, 1, 0)
    assert row["errors"] == [pytest.approx(5)]
    row = lesion_scores(tree, [finding(55, 50.0)], case)
    assert (row["lesions"], row["lesions_found"], row["false"]) == (1, 0, 1)


@pytest.mark.parametrize(
    "true, counts",
    [
        (tube(lesions=[lesion(60)]), True),
        (tube(lesions=[lesion(40)]), False),
        (tube(lesions=[lesion(60)], radius_mm=0.8), False),  # under four voxels
        (tube(lesions=[lesion(60)], length_mm=36.0), False),  # nothing of the vessel behind it
    ],
)
def test_what_no_mask_could_show_does_not_count(true, counts):
    assert countable(case_of(true), 0, true.lesions[0]) == counts


def test_a_lesion_is_clear_where_its_lumen_is_seen_throughout_and_no_branch_leaves():
    whole, lost = (case_of(tube(lesions=[lesion(percent)], radius_mm=1.2)) for percent in (50, 90))
    assert is_clear(whole, 0, whole.tubes[0].lesions[0])
    assert not is_clear(lost, 0, lost.tubes[0].lesions[0])  # 0.24 mm wide
    side = tube("AM1")
    side.points, side.parent = side.points[:, [1, 0, 2]] + (32.0, 0, 0), 0
    case = degrade(Truth([tube(lesions=[lesion(50)]), side]), Faults(), np.random.default_rng(0))
    assert not is_clear(case, 0, case.tubes[0].lesions[0])


def test_a_narrowing_that_cannot_be_judged_is_no_false_one():
    tree, case = tree_along((0, 60)), case_of(tube())
    listed = replace(finding(60), not_assessable_because="a branch leaves there")
    row = lesion_scores(tree, [finding(55, 50.0), listed], case)
    assert (row["false"], row["false_listed"]) == (1, 1)


def test_the_table_of_names_weighs_by_length():
    vessel = {"family": 10.0, "unknown": 0.0, "said": ""}
    rows = [
        {"seed": 1, "vessels": [{"name": "D1", "mm": 30.0, "right": 30.0, "wrong": 0.0} | vessel]},
        {"seed": 2, "vessels": [{"name": "D2", "mm": 10.0, "right": 0.0, "wrong": 10.0} | vessel]},
    ]
    (line,) = (line for line in names_table(rows).splitlines() if line.startswith("| diagonals"))
    assert line == "| diagonals | right ≥ 75 | 2 | 40 | 75 | 50 | 0 | 25 |"
