"""Masks that are spoilt on purpose: each fault is what it says, and what is true is still known."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studies.degrade import (
    FINE_MM,
    SPACING_MM,
    Faults,
    TrueTube,
    Truth,
    degrade,
    degraded,
    draw_faults,
    truth_of,
    way_from_ostium,
)

from bundle.common.coordinates import voxel_to_world


def straight(name, start, heading, length_mm, radius_mm, parent=-1, thinner=1.0):
    along = np.arange(0, length_mm + FINE_MM / 2, FINE_MM)
    heading = np.asarray(heading, float) / np.linalg.norm(heading)
    radius = radius_mm * np.linspace(1.0, thinner, len(along))
    return TrueTube(
        name, np.asarray(start, float) + along[:, None] * heading, radius, radius.copy(), [], parent
    )


def left_tree():
    """LM 10 mm, LAD 60 mm on along x, LCx 50 mm along -y, D1 at 15 mm and D2 at 30 mm of the LAD."""
    return [
        straight("LM", (0, 0, 0), (1, 0, 0), 10, 2.0),
        straight("LAD", (10, 0, 0), (1, 0, 0), 60, 1.8, 0, 0.4),
        straight("LCx", (10, 0, 0), (0, -1, 0), 50, 1.6, 0),
        straight("D1", (25, 0, 0), (1, 1, 0), 30, 1.0, 1),
        straight("D2", (40, 0, 0), (1, 1, 0), 30, 1.0, 1),
    ]


def spoilt(tubes, seed=0, **faults):
    return degrade(Truth(tubes), Faults(**faults), np.random.default_rng(seed))


def lumen_points(case):
    return voxel_to_world(np.argwhere(case.mask), case.affine)


SLANT = np.array([0.8, 0.5, 0.33]) / np.linalg.norm([0.8, 0.5, 0.33])  # across the grid


def radius_of(case):
    """Of a tube along `SLANT`, mm, from the volume of its mask between 5 and 55 mm."""
    along = lumen_points(case) @ SLANT
    volume = np.count_nonzero((along >= 5) & (along < 55)) * SPACING_MM.prod()
    return np.sqrt(volume / 50 / np.pi)


@settings(max_examples=12, deadline=None)
@given(length=st.floats(1.0, 20.0), seed=st.integers(0, 99))
def test_a_break_leaves_its_length_empty(length, seed):
    case = spoilt([straight("RCA", (0, 0, 0), SLANT, 60, 1.5)], seed, breaks_mm=[length])
    (gap,) = case.gaps
    assert gap.length_mm == pytest.approx(length, abs=FINE_MM)
    assert np.linalg.norm(gap.end - gap.start) == pytest.approx(gap.length_mm)
    along = np.sort(lumen_points(case) @ SLANT)
    assert not ((along > gap.start @ SLANT + FINE_MM) & (along < gap.end @ SLANT - FINE_MM)).any()
    assert np.diff(along).max() == pytest.approx(length, abs=0.2)
    assert cc3d.connected_components(case.mask, connectivity=26).max() == 2


@pytest.mark.parametrize("end_mm", [30, 50])
def test_a_left_tree_that_ends_has_nothing_beyond(end_mm):
    tubes = left_tree()
    case = spoilt(tubes, left_end_mm=end_mm)
    for way, seen in zip(way_from_ostium(tubes), case.seen):
        assert not seen[way > end_mm].any()
        assert seen[way < end_mm - 1].mean() > 0.99 if (way < end_mm - 1).any() else True
    # LM and LAD lie on the x axis, and the cut is straight across.
    along_axis = np.abs(lumen_points(case)[:, 1]) < 0.5
    assert lumen_points(case)[along_axis, 0].max() < end_mm + 0.5


def test_what_is_thinner_than_the_least_radius_is_not_drawn():
    case = spoilt(left_tree(), least_radius_mm=1.2)
    names = {tube.name: seen for tube, seen in zip(case.tubes, case.seen)}
    lad = case.tubes[1]
    assert names["LAD"].any() and lad.healthy[names["LAD"]].min() >= 1.2
    assert not names["D1"].any() and not names["D2"].any() and names["LCx"].mean() > 0.99


@pytest.mark.parametrize("wide", [0.9, 1.1, 1.5])
def test_a_mask_drawn_wider_is_wider_in_radius_by_that_part(wide):
    tube = straight("RCA", (0, 0, 0), SLANT, 60, 2.0)
    assert radius_of(spoilt([tube])) == pytest.approx(2.0, rel=0.01)
    assert radius_of(spoilt([tube], wide=wide)) == pytest.approx(2.0 * wide, rel=0.01)


def test_a_jagged_wall_leaves_the_mean_radius_and_makes_it_vary():
    tube = straight("RCA", (0, 0, 0), SLANT, 60, 2.0)
    even, jagged = spoilt([tube]), spoilt([tube], noise_mm=0.2)
    assert radius_of(jagged) == pytest.approx(2.0, rel=0.03)
    slices = [np.histogram(lumen_points(c) @ SLANT, np.arange(5, 55))[0].std() for c in (even, jagged)]
    assert slices[1] > 2 * slices[0]


def test_vessels_that_nearly_touch_are_one_where_that_is_asked_for():
    tubes = [straight("LAD", (0, 0, 0), (1, 0, 0), 60, 1.5), straight("RCA", (0, 3.7, 0), (1, 0, 0), 60, 1.5)]
    pieces = [
        cc3d.connected_components(spoilt(tubes, touching_mm=mm).mask, connectivity=26).max()
        for mm in (0.0, 0.8)
    ]
    assert pieces == [2, 1]


def test_a_missing_tree_is_not_seen_and_the_other_is():
    tubes = [*left_tree(), straight("RCA", (-20, 0, 0), (0, 0, 1), 60, 1.8)]
    seen = {t.name: s.any() for t, s in zip(tubes, spoilt(tubes, missing="left").seen)}
    assert seen == {"LM": False, "LAD": False, "LCx": False, "D1": False, "D2": False, "RCA": True}


def test_the_first_diagonal_that_is_seen_is_the_first():
    tubes = left_tree()
    tubes[3] = straight("D1", (25, 0, 0), (1, 1, 0), 30, 0.6, 1)
    case = spoilt(tubes, least_radius_mm=0.7)
    assert [tube.name for tube in case.tubes] == ["LM", "LAD", "LCx", "D2", "D1"]


def test_bits_of_vein_hang_on_the_arteries():
    vein = straight("", (0, 4.5, 0), (1, 0, 0), 60, 1.5)
    truth = Truth([straight("RCA", (0, 0, 0), (1, 0, 0), 60, 1.5)], [(vein.points, vein.radius)])
    case = degrade(truth, Faults(veins_mm=[10.0]), np.random.default_rng(1))
    assert cc3d.connected_components(case.mask, connectivity=26).max() == 1
    far = lumen_points(case)[lumen_points(case)[:, 1] > 3.5]
    assert 5 < np.ptp(far[:, 0]) < 14


def test_a_probability_is_that_of_the_mask_and_faint_in_a_break():
    tube = straight("RCA", (0, 0, 0), (1, 0, 0), 60, 1.5)
    case = spoilt([tube], breaks_mm=[4.0], probability=True)
    np.testing.assert_array_equal(case.probability >= 0.5, case.mask)
    middle = np.rint(
        (case.gaps[0].start + case.gaps[0].end) / 2 / SPACING_MM - case.affine[:3, 3] / SPACING_MM
    )
    assert 0 < case.probability[tuple(middle.astype(int))] < 0.46


def test_a_seed_is_the_same_mask_at_any_time_and_lesions_change_only_the_radius():
    first, again, healthy = degraded(500), degraded(500), degraded(500, lesions=False)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert first.what == again.what == healthy.what
    assert [t.name for t in first.tubes] == [t.name for t in again.tubes]
    assert all((t.radius == t.healthy).all() and not t.lesions for t in healthy.tubes)


def test_the_tubes_of_a_truth_hang_together():
    truth = truth_of(501)
    for tube in truth.tubes:
        if tube.parent >= 0:
            parent = truth.tubes[tube.parent]
            away = np.linalg.norm(parent.points - tube.points[0], axis=1)
            assert away.min() < parent.radius[np.argmin(away)]
    roots = np.array([t.points[0] for t in truth.tubes if t.parent < 0])
    assert (np.abs(truth.aorta(roots)) < 2).all() and len(truth.veins) >= 2


def test_faults_come_as_often_as_is_said():
    faults = [draw_faults(np.random.default_rng(seed)) for seed in range(400)]
    lengths = np.concatenate([f.breaks_mm for f in faults])
    assert (lengths <= 1.5).mean() == pytest.approx(0.5, abs=0.06)
    assert (lengths > 4.0).mean() == pytest.approx(0.25, abs=0.06)
    assert 4 <= np.median([len(f.breaks_mm) for f in faults]) <= 6  # and two trees: 7 pieces
    assert max(len(f.breaks_mm) for f in faults) <= 23
    assert {f.left_end_mm for f in faults} == {None, 30.0, 50.0, 80.0}
    assert 0 < np.mean([f.missing is not None for f in faults]) < 0.1
    assert 0.02 < np.mean([f.wide >= 1.4 for f in faults]) < 0.15
