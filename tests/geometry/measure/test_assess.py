"""Which narrowings can be judged from a mask, and how far off their percentage may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from vessels import straight

from bundle.common.coordinates import ras_to_lps
from bundle.geometry.core import make_branch
from bundle.geometry.core.tree import Segment
from bundle.geometry.measure.assess import (
    BRIDGED,
    branch_points_mm,
    percent_range,
    roughness_beside_mm,
    why_not_assessable,
)
from bundle.geometry.measure.stenosis import Stenosis, find_stenoses

ALONG = np.arange(0, 80, 0.5)


def narrowed(percent=65, at_mm=40.0, length_mm=10.0, start=1.8, end=1.4):
    away = np.clip(2 * np.abs(ALONG - at_mm) / length_mm, 0, 1)
    return np.linspace(start, end, len(ALONG)) * (1 - percent / 100 * (0.5 + 0.5 * np.cos(np.pi * away)))


def with_side_branch(tree, at_mm):
    """The tree with a branch that leaves its only one at a place, without the bulge of a bifurcation."""
    points = tree.branches[0].points[round(at_mm / 0.5)] + np.arange(40)[:, None] * (0, 0.5, 0)
    flags = np.zeros(40, bool)
    tree.segments.append(Segment(points, np.ones(40), np.ones(40), flags, flags, 0, 0))
    tree.branches.append(make_branch(tree, [1], "D1", 1.0, 0))
    return tree


def only(tree, voxel_mm=0.4):
    (lesion,) = find_stenoses(tree, voxel_mm)
    return lesion


def test_a_narrowing_in_the_middle_of_an_even_vessel_can_be_judged():
    lesion = only(straight(narrowed()))
    assert lesion.assessable and lesion.grade == "CAD-RADS 3" and lesion.not_assessable_because == ""


@pytest.mark.parametrize(
    "tree, voxel_mm, why",
    [
        (straight(narrowed(start=0.74, end=0.7)), 0.3, "the vessel is under 1.5 mm wide"),
        (straight(narrowed(start=0.95, end=0.85)), 0.5, "the vessel is under 4 voxels wide"),
        (with_side_branch(straight(narrowed()), 38), 0.4, "a branch leaves there"),
        (straight(narrowed(at_mm=74.0, length_mm=6)), 0.4, "the branch ends there"),
    ],
)
def test_what_cannot_be_judged_is_listed_with_its_reason_and_gets_no_category(tree, voxel_mm, why):
    lesion = only(tree, voxel_mm)
    assert lesion.not_assessable_because == why
    row = lesion.as_dict("LAD")
    assert (row["assessable"], row["not_assessable_because"]) == (False, why)
    assert row["severity_research_use"] == "" and row["percent_diameter_stenosis"] > 50


@pytest.mark.parametrize("gap_mm", [34.5, 39.0, 45.5])
def test_a_joint_of_pieces_in_or_beside_a_narrowing_leaves_it_unjudged(gap_mm):
    tree = straight(narrowed())
    tree.branches[0].gap[:] = np.abs(ALONG - gap_mm) < 0.8
    assert only(tree).not_assessable_because == "the mask is interrupted there"


def test_a_joint_far_away_changes_nothing():
    tree = straight(narrowed())
    tree.branches[0].gap[:] = np.abs(ALONG - 60) < 0.8
    assert only(tree).assessable


def test_a_branch_that_leaves_elsewhere_changes_nothing():
    tree = with_side_branch(straight(narrowed()), 20)
    assert branch_points_mm(tree, 0) == [20.0]
    assert only(tree).assessable


def test_a_narrowing_no_deeper_than_the_wall_is_uneven_cannot_be_judged():
    """Dips and bumps of 0.25 mm rms on both sides, in a vessel of 3.6 mm."""
    noise = gaussian_filter1d(np.random.default_rng(3).normal(size=len(ALONG)), 0.8)
    rough = np.full(len(ALONG), 1.8) + np.where(np.abs(ALONG - 40) > 5, 0.25 * noise / noise.std(), 0)
    branch, sizes = straight(rough).branches[0], (37.0, 43.0, 3.6)
    why = why_not_assessable(branch, np.zeros(0), *sizes, 2.2, 0.4)
    assert why == "the wall beside it is as uneven"
    assert roughness_beside_mm(branch, 37, 43) == pytest.approx(0.25, rel=0.3)


def test_a_narrowing_with_no_vessel_beside_it_cannot_be_judged():
    junction = np.abs(ALONG - 40) > 4
    branch = straight(narrowed(), junction).branches[0]
    why = why_not_assessable(branch, np.zeros(0), 37.0, 43.0, 3.2, 1.1, 0.4)
    assert why == "too little of the vessel is seen beside it"


def test_a_vessel_that_is_wider_behind_a_narrowing_has_run_into_another():
    radius = narrowed(60) * np.where(ALONG > 41, 1.6, 1.0)
    branch = straight(radius).branches[0]
    why = why_not_assessable(branch, np.zeros(0), 37.0, 43.0, 3.6, 1.4, 0.4)
    assert why == "the vessel is wider behind it than before it"


def test_the_roughness_is_that_of_the_wall_beside_the_narrowing():
    noise = gaussian_filter1d(np.random.default_rng(0).normal(size=len(ALONG)), 0.8)
    noise *= 0.1 / noise.std()
    branch = straight(1.8 + noise).branches[0]
    assert roughness_beside_mm(branch, 35, 45) == pytest.approx(0.1, rel=0.35)
    branch = straight(1.8 + np.where(np.abs(ALONG - 40) < 5, noise, 0)).branches[0]
    assert roughness_beside_mm(branch, 35, 45) < 0.03
    assert roughness_beside_mm(straight(np.full(10, 1.8)).branches[0], 0, 5) == np.inf


@given(percent=st.floats(0, 99), reference=st.floats(1.5, 5), voxel=st.floats(0.2, 1.0))
def test_a_percentage_lies_in_its_own_range_which_widens_with_the_voxels(percent, reference, voxel):
    branch = straight(np.full(len(ALONG), reference / 2)).branches[0]
    minimal = reference * (1 - percent / 100)
    low, high = percent_range(branch, 35, 45, reference, minimal, voxel)
    coarse = percent_range(branch, 35, 45, reference, minimal, 2 * voxel)
    assert 0 <= coarse[0] <= low <= percent + 1e-9 and percent - 1e-9 <= high <= coarse[1] <= 100


def test_a_rough_wall_widens_the_range():
    noise = np.random.default_rng(0).normal(0, 0.1, len(ALONG))
    even, rough = (
        percent_range(straight(1.8 + part * noise).branches[0], 35, 45, 3.6, 1.8, 0.4) for part in (0, 1)
    )
    assert rough[1] - rough[0] > 1.5 * (even[1] - even[0])


def test_half_of_the_diameter_is_three_quarters_of_the_area():
    lesion = Stenosis(0, 10.0, 8.0, 12.0, 1.5, 3.0, np.zeros(3))
    assert (lesion.percent_diameter, lesion.percent_area) == (50, 75)


def test_a_narrowing_where_the_mask_was_bridged_cannot_be_judged():
    """Beside its narrowest place it can: a severe lesion interrupts a mask."""
    tree = straight(narrowed())
    for off_mm, is_judged in ((0.0, False), (1.0, False), (3.0, True)):
        at = tree.branches[0].points[np.argmin(np.abs(ALONG - 40 - off_mm))]
        join = {"gap_mm": 1.2, "at_lps_mm": ras_to_lps(at).tolist()}
        (lesion,) = find_stenoses(tree, 0.4, [join])
        assert lesion.assessable is is_judged
        assert is_judged or (lesion.not_assessable_because == BRIDGED and lesion.grade == "")
