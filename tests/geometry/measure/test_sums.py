"""Vessels in numbers: seen how far, narrowed how often, and where nothing narrows them."""

from __future__ import annotations

import numpy as np
import pytest

from bundle.geometry.core import Branch, Tree
from bundle.geometry.measure import Stenosis, narrowed_sums, vessel_rows
from bundle.geometry.naming import scct_segments

VOXEL_MM = 0.4


def vessel(name, length_mm, start=2.0, end=0.65, parent=-1, tree=0, begin=(0.0, 0.0, 0.0)):
    """A straight vessel that tapers from one radius to another."""
    count = int(length_mm / 0.5) + 1
    points = np.asarray(begin) + np.linspace(0, length_mm, count)[:, None] * (1.0, 0, 0)
    radius, no = np.linspace(start, end, count), np.zeros(count, bool)
    return Branch(points, radius, radius, no, no.copy(), parent, tree, name, 0.9, [])


def narrowing(branch, percent, at_mm=20.0, why="", margin=8.0):
    minimal = 3.0 * (1 - percent / 100)
    range_ = (percent - margin, percent + margin)
    along, place = (at_mm, at_mm - 4, at_mm + 4), np.zeros(3)
    return Stenosis(branch, *along, minimal, 3.0, place, "sections", *range_, why)


def row_of(branches, lesions=(), name="LAD"):
    return next(row for row in vessel_rows(Tree(branches=branches), lesions, VOXEL_MM) if row["name"] == name)


def test_a_lad_that_tapers_away_at_its_usual_length_is_seen_to_its_end():
    row = row_of([vessel("LAD", 110)])
    assert row["seen_to_its_end"] and row["no_narrowing_50"] and row["most_percent"] is None


@pytest.mark.parametrize(
    "branches, why",
    [
        ([vessel("LAD", 110, end=1.2)], "it ends where it is still wide"),
        ([vessel("LAD", 50)], "it is shorter than usual"),
        ([vessel("LAD", 60), vessel("LAD", 50)], "it is in pieces"),
    ],
)
def test_of_a_vessel_that_is_seen_in_part_nothing_is_said(branches, why):
    row = row_of(branches)
    assert (row["seen_to_its_end"], row["not_seen_because"], row["no_narrowing_50"]) == (False, why, False)


def test_a_bridged_gap_is_not_seen():
    branch = vessel("LAD", 110)
    branch.gap[100:104] = True
    assert row_of([branch])["not_seen_because"] == "the mask is interrupted"


def test_an_rca_ends_where_the_pda_leaves_it_however_wide_it_is():
    rca = vessel("RCA", 120, end=1.3, tree=1)
    assert not row_of([rca], name="RCA")["seen_to_its_end"]
    assert row_of([rca, vessel("PDA", 40, 1.0, parent=0, tree=1)], name="RCA")["seen_to_its_end"]


@pytest.mark.parametrize(
    "lesion, clear",
    [
        (narrowing(0, 30), True),
        (narrowing(0, 45), False),  # 37 to 53 %
        (narrowing(0, 70), False),
        (narrowing(0, 70, why="the mask is interrupted there"), False),
        (narrowing(1, 70), True),  # in another vessel
    ],
)
def test_a_narrowing_that_may_be_of_half_the_diameter_forbids_to_say_that_there_is_none(lesion, clear):
    branches = [vessel("LAD", 110), vessel("LCx", 70)]
    assert row_of(branches, [lesion])["no_narrowing_50"] == clear


def test_a_vessel_of_few_voxels_cannot_be_judged_so_nothing_is_said_of_it():
    row = row_of([vessel("LAD", 110, start=0.72, end=0.6)])
    assert row["seen_to_its_end"] and not row["assessable"] and not row["no_narrowing_50"]


def test_narrowed_vessels_are_counted_once_and_by_tree():
    branches = [vessel("LAD", 110), vessel("D1", 40, 1.0, parent=0), vessel("RCA", 120, tree=1)]
    lesions = [narrowing(0, 55), narrowing(0, 72, at_mm=60), narrowing(1, 60, at_mm=5),
               narrowing(2, 80, why="a branch leaves there")]  # fmt: skip
    tree = Tree(branches=branches)
    left, right, case = narrowed_sums(tree, lesions, VOXEL_MM, scct_segments(tree))
    assert (left["tree"], right["tree"], case["tree"]) == (0, 1, None)
    keys = ("vessels_assessable", "vessels_narrowed_50", "vessels_narrowed_70")
    assert [[row[key] for key in keys] for row in (left, right, case)] == [[1, 1, 1], [1, 0, 0], [2, 1, 1]]
    assert left["segments_narrowed_50"] >= 2 and left["segments_narrowed_70"] == 1
    assert case["segments_assessable"] == left["segments_assessable"] + right["segments_assessable"]


def test_two_pieces_of_one_vessel_in_two_trees_are_one_vessel_of_the_case():
    tree = Tree(branches=[vessel("RCA", 60), vessel("RCA", 60, tree=1)])
    sums = narrowed_sums(tree, [], VOXEL_MM, scct_segments(tree))
    assert [row["vessels_assessable"] for row in sums] == [1, 1, 1]
