from itertools import product

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree
from shapes import ball, rotation, scan, torus, tube
from vessels import centerline_tree

from bundle.common.polylines import arc_length
from bundle.geometry.centerline.refine import drop_beak

ISO = np.diag([0.4, 0.4, 0.4])
STEPS = np.linspace(0, 1, 60)[:, None]
# A trunk that bends and tapers from 1.8 to 1.1 mm, and a side branch of 0.9 mm from its middle.
TRUNK = np.concatenate([[-11.0, 0, 0] + STEPS * [22.0, 0, 0], 3.0 * np.sin(np.pi * STEPS)], axis=1)[
    :, [0, 1, 3]
]
TRUNK_RADIUS = np.linspace(1.8, 1.1, 60)
SIDE = TRUNK[30] + STEPS * [5.0, 9.0, -3.0]
SHAPE = (68, 44, 36)


def y_shape(points):
    return np.maximum(tube(points, TRUNK, TRUNK_RADIUS), tube(points, SIDE, 0.9))


def bent(start, *further):
    """A smooth line (60, 3) from `start` through places that are given from there."""
    knots = np.array([[0.0, 0, 0], *further])
    return start + CubicSpline(np.linspace(0, 1, len(knots)), knots)(STEPS[:, 0])


def two(a, b):
    return lambda p: np.maximum(a(p), b(p))


@pytest.fixture(scope="module")
def y_tree():
    mask, affine, _ = scan(SHAPE, ISO, y_shape)
    return centerline_tree(mask, affine)


def test_a_bifurcation_has_three_segments_and_one_root(y_tree):
    assert [s.parent for s in y_tree.segments] == [-1, 0, 0]
    parent = y_tree.segments[0]
    for child in y_tree.segments[1:]:
        np.testing.assert_array_equal(child.points[0], parent.points[-1])


def test_it_starts_at_the_thick_end(y_tree):
    assert np.linalg.norm(y_tree.segments[0].points[0] - TRUNK[0]) < 2.0


@pytest.mark.parametrize("lowest", [-6.0, -6.13, -6.31])
def test_a_vessel_that_is_cut_flat_at_its_ostium_begins_at_the_cut(lowest):
    axis = [-14.0, 0.3, -0.2] + STEPS * [26.0, 0, 0]
    radius = np.linspace(2.0, 1.4, 60)
    mask, affine, _ = scan((64, 24, 24), ISO, lambda p: np.minimum(tube(p, axis, radius), p[..., 0] - lowest))
    first = centerline_tree(mask, affine).segments[0].points[0]
    assert first[0] == pytest.approx(lowest, abs=0.75)
    assert np.linalg.norm(first[1:] - axis[0, 1:]) < 0.15


def test_points_lie_on_the_axis_and_all_of_it_is_found(y_tree):
    truth = np.concatenate([TRUNK, SIDE])
    dense = np.concatenate([s.points for s in y_tree.segments])
    off = cKDTree(truth).query(dense)[0]
    assert off.mean() < 0.2 and off.max() < 0.7  # the truth's points are 0.4 mm apart
    assert (cKDTree(dense).query(truth)[0] < 0.6).mean() > 0.97


def test_radius_is_right_within_a_tenth_of_a_voxel(y_tree):
    line = np.concatenate([s.points[~s.junction] for s in y_tree.segments])
    radius = np.concatenate([s.radius[~s.junction] for s in y_tree.segments])
    ball_radius = np.concatenate([s.inscribed[~s.junction] for s in y_tree.segments])
    truth = np.concatenate([TRUNK, SIDE])
    inner = (np.linalg.norm(line - TRUNK[0], axis=1) > 3) & (np.linalg.norm(line - TRUNK[-1], axis=1) > 3)
    inner &= np.linalg.norm(line - SIDE[-1], axis=1) > 2
    true_radius = np.concatenate([TRUNK_RADIUS, np.full(60, 0.9)])[cKDTree(truth).query(line)[1]]
    assert np.abs(radius - true_radius)[inner].mean() < 0.04
    assert (ball_radius <= radius + 0.1)[inner].all()


@pytest.mark.parametrize(
    "axes",
    [
        np.diag([-0.4, 0.4, 0.5]),
        rotation((20, -30, 15)) @ np.diag([0.35, 0.4, 0.5]),
        rotation((-10, 40, 70)) @ np.diag([0.4, -0.4, 0.4]),
    ],
    ids=["flipped", "oblique", "oblique and mirrored"],
)
def test_it_moves_with_the_patient_not_with_the_grid(y_tree, axes):
    mask, affine, _ = scan((80, 80, 64), axes, y_shape)
    other = centerline_tree(mask, affine)
    assert len(other.segments) == 3
    off = cKDTree(y_tree.points).query(other.points)[0]
    assert off.mean() < 0.2 and np.percentile(off, 95) < 0.45  # points are 0.5 mm apart
    assert other.segments[0].radius.mean() == pytest.approx(y_tree.segments[0].radius.mean(), abs=0.05)


def test_a_probability_gives_the_radius_too():
    mask, affine, probability = scan((44, 44, 40), ISO, lambda p: torus(p, 6.0, 1.2), edge_mm=0.25)
    mask[:4] = 0
    probability[:4] = 0
    tree = centerline_tree(mask, affine, probability, level=0.5)
    radius = tree.segments[0].radius
    assert radius[5:-5].mean() == pytest.approx(1.2, abs=0.04)


def test_a_ring_is_opened_once():
    mask, affine, _ = scan((44, 44, 32), ISO, lambda p: torus(p, 6.0, 1.2))
    tree = centerline_tree(mask, affine)
    assert len(tree.segments) == 1
    assert tree.segments[0].length_mm == pytest.approx(2 * np.pi * 6, abs=3.0)


def test_a_gap_is_bridged_and_marked():
    line = [-11.0, 0, 0] + STEPS * [22.0, 0, 0]
    near, far = line[:28], line[34:]
    mask, affine, _ = scan(SHAPE, ISO, two(lambda p: tube(p, near, 1.2), lambda p: tube(p, far, 1.0)))
    tree = centerline_tree(mask, affine)
    assert len(tree.segments) == 1
    only = tree.segments[0]
    assert only.length_mm == pytest.approx(22 + 2.2 - 1.1, abs=1.5)
    assert 0 < arc_length(only.points[only.gap])[-1] < 3.0 if only.gap.sum() > 1 else only.gap.any()
    assert np.abs(only.points[:, 1:]).max() < 0.5


def test_vessels_that_touch_stay_two():
    one = [-11.0, -1.15, 0] + STEPS * [22.0, 0, 0]
    other = np.concatenate([-11.0 + STEPS * 22.0, 1.3 + 14 * (STEPS - 0.5) ** 2, 0 * STEPS], axis=1)
    mask, affine, _ = scan(SHAPE, ISO, two(lambda p: tube(p, one, 1.3), lambda p: tube(p, other, 1.3)))
    tree = centerline_tree(mask, affine)
    for path in (one, other):
        assert (cKDTree(tree.points).query(path)[0] < 0.8).mean() > 0.8


def test_left_and_right_are_two_trees():
    left, right = [[-11, -5, 0], [11, -5, 0]], [[-11, 5, 0], [11, 5, 0]]
    mask, affine, _ = scan(SHAPE, ISO, two(lambda p: tube(p, left, 1.2), lambda p: tube(p, right, 1.2)))
    tree = centerline_tree(mask, affine)
    assert sorted(s.tree for s in tree.segments) == [0, 1]


def test_a_bumpy_wall_grows_no_branches():
    rng = np.random.default_rng(2)
    mask, affine, _ = scan(SHAPE, ISO, lambda p: tube(p, TRUNK, 1.6) + rng.normal(0, 0.15, len(p)))
    assert len(centerline_tree(mask, affine).segments) == 1


def test_a_vessel_that_leaves_the_scan_ends_there():
    mask, affine, _ = scan((40, 20, 20), ISO, lambda p: tube(p, [[-30, 0, 0], [30, 0, 0]], 1.5))
    tree = centerline_tree(mask, affine)
    assert len(tree.segments) == 1
    assert tree.segments[0].length_mm == pytest.approx(16.0, abs=2.5)


@pytest.mark.parametrize("kind", ["empty", "voxel", "block", "ball", "noise", "plate"])
def test_masks_that_are_no_vessel_do_not_break_it(kind):
    rng = np.random.default_rng(0)
    affine = np.diag([0.4, 0.4, 0.4, 1.0])
    mask = np.zeros((24, 24, 24), np.uint8)
    if kind == "voxel":
        mask[5, 5, 5] = 1
    elif kind == "block":
        mask[:] = 1
    elif kind == "ball":
        mask, affine, _ = scan((30, 30, 30), ISO, lambda p: ball(p, (0, 0, 0), 4.0))
    elif kind == "noise":
        mask = (rng.random((14, 14, 14)) > 0.65).astype(np.uint8)
    elif kind == "plate":
        mask[:, :, 10:12] = 1
    tree = centerline_tree(mask, affine)
    assert np.isfinite(tree.points).all() and np.isfinite(tree.radius).all()
    if kind in ("empty", "voxel"):
        assert tree.segments == []


@pytest.mark.parametrize("angle_deg", [40, 60, 80])
def test_a_branch_begins_where_it_leaves_its_parents_axis_at_any_angle(angle_deg):
    turn = np.radians(angle_deg)
    trunk = [-12.0, -4.0, 0.2] + STEPS * [24.0, 0.5, 0.3]
    side = trunk[18] + STEPS * 14.0 * [np.cos(turn), np.sin(turn), 0.05]
    mask, affine, _ = scan(
        (76, 56, 24), ISO, two(lambda p: tube(p, trunk, 1.7), lambda p: tube(p, side, 1.0))
    )
    tree = centerline_tree(mask, affine)
    (start,) = {tuple(s.points[0]) for s in tree.segments if s.parent >= 0}
    assert np.linalg.norm(np.array(start) - trunk[18]) < 1.2


def test_branches_that_bend_away_begin_near_their_origin():
    off = []
    for angle_deg, phase in product((30, 40, 50), (0.0, 0.13, 0.27)):
        trunk = [-12.0 + phase, -4.0, 0.2 + phase] + STEPS * [24.0, 0.5, 0.3]
        turn = np.radians(angle_deg + 30 * STEPS[:, 0])
        steps = np.column_stack([np.cos(turn), np.sin(turn), 0 * turn]) * 14.0 / len(STEPS)
        side = trunk[18] + np.cumsum(steps, axis=0) - steps[0]
        mask, affine, _ = scan(
            (76, 60, 24), ISO, two(lambda p, q=trunk: tube(p, q, 1.7), lambda p, q=side: tube(p, q, 1.0))
        )
        tree = centerline_tree(mask, affine)
        (start,) = {tuple(s.points[0]) for s in tree.segments if s.parent >= 0}
        off.append(start[0] - trunk[18][0])
    assert abs(np.mean(off)) < 1.0  # 1.2 where the last of the parent's closest points is taken
    assert np.abs(off).max() < 1.6


def test_a_left_main_ends_where_its_circumflex_begins_though_that_bends_back_to_its_ostium():
    """The circumflex's line, straight back from where it leaves the lumen, passes closest to the ostium."""
    ostium, fork = np.array([10.0, 3.0, -1.0]), np.array([4.8, 2.0, 0.2])
    main = ostium + STEPS * (fork - ostium)
    descending = bent(
        fork, [-2.9, 0.2, 0.1], [-5.6, 0.8, -1.1], [-6.7, 3.1, -2.3], [-6.2, 5, -2.5], [-5, 9, -1]
    )
    circumflex = bent(fork, [-1.4, -2.3, 1.4], [-3.1, -4.5, 2.4], [-5.6, -6.2, 2.6], [-8.2, -7.4, 2.9])
    taper = np.linspace(2.1, 1.6, len(circumflex))

    def solid(p):
        left = two(lambda p: tube(p, main, 3.1), lambda p: tube(p, descending, 2.85))(p)
        return np.minimum(np.maximum(left, tube(p, circumflex, taper)), ostium[0] - p[..., 0])

    for axes in (ISO, rotation((20, -30, 15)) @ ISO):
        mask, affine, _ = scan((76, 76, 60), axes, solid)
        tree = centerline_tree(mask, affine)
        assert [s.parent for s in tree.segments] == [-1, 0, 0]
        assert np.linalg.norm(tree.segments[0].points[-1] - fork) < 1.2


def line_length(path):
    return float(arc_length(np.asarray(path))[-1])


@pytest.mark.parametrize("overlap_mm", [0.1, 0.3])
@pytest.mark.parametrize("contact_mm", [4.0, 8.0, 14.0])
def test_vessels_that_touch_over_some_mm_stay_two_with_their_lengths(contact_mm, overlap_mm):
    x = np.linspace(-13, 13, 120)
    bend = 1.3 - overlap_mm / 2 + 0.06 * np.maximum(0, np.abs(x) - contact_mm / 2) ** 2
    one, other = (np.stack([x, side * bend, 0 * x], axis=1) for side in (-1, 1))
    mask, affine, _ = scan((76, 80, 24), ISO, two(lambda p: tube(p, one, 1.3), lambda p: tube(p, other, 1.3)))
    tree = centerline_tree(mask, affine)
    assert [s.parent for s in tree.segments] == [-1, -1]
    assert "touch over" in tree.warnings[0]
    for segment in tree.segments:
        own = one if segment.points[:, 1].mean() < 0 else other
        assert cKDTree(own).query(segment.points)[0].max() < 0.8
        assert segment.length_mm == pytest.approx(line_length(own), abs=2.0)
        in_contact = np.abs(segment.points[:, 0]) < contact_mm / 2
        assert segment.radius[in_contact].mean() == pytest.approx(1.3, abs=0.15)


def test_bifurcations_close_to_each_other_are_not_taken_for_touching_vessels():
    trunk = [-12.0, 0, 0] + STEPS * [24.0, 0, 0]
    up, down = trunk[20] + STEPS * [7.0, 9, 0], trunk[36] + STEPS * [7.0, -9, 2]
    solid = two(lambda p: tube(p, trunk, 1.5), two(lambda p: tube(p, up, 1.0), lambda p: tube(p, down, 1.0)))
    mask, affine, _ = scan((76, 60, 32), ISO, solid)
    tree = centerline_tree(mask, affine)
    assert tree.warnings == [] and len(tree.segments) == 5
    assert {s.tree for s in tree.segments} == {0}


@pytest.mark.parametrize("apart_mm", [0.0, 2.5], ids=["through each other", "touching"])
def test_all_arms_of_crossing_vessels_are_found(apart_mm):
    one = [-11.0, 0, -apart_mm / 2] + STEPS * [22.0, 0, 0]
    other = [0, -11.0, apart_mm / 2] + STEPS * [0, 22.0, 0]
    mask, affine, _ = scan((70, 70, 30), ISO, two(lambda p: tube(p, one, 1.3), lambda p: tube(p, other, 1.3)))
    tree = centerline_tree(mask, affine)
    for path in (one, other):
        assert (cKDTree(tree.points).query(path)[0] < 0.8).mean() > 0.97


@pytest.mark.parametrize("axes", [ISO, rotation((20, -30, 15)) @ ISO], ids=["along the grid", "oblique"])
@pytest.mark.parametrize("radius", [0.7, 1.3])
def test_a_gap_of_one_voxel_is_bridged(axes, radius):
    line = [-11.0, 0, 0] + STEPS * [22.0, 0, 0]
    mask, affine, _ = scan(
        (80, 56, 56), axes, lambda p: np.where(np.abs(p[:, 0] - 0.1) < 0.2, -1, tube(p, line, radius))
    )
    tree = centerline_tree(mask, affine)
    assert len(tree.segments) == 1
    assert tree.segments[0].length_mm == pytest.approx(22.0 + radius, abs=1.2)
    assert tree.segments[0].radius[5:-5].min() > 0.7 * radius


def test_a_ring_with_a_stem_keeps_both_ways_round():
    angle = np.linspace(0, 2 * np.pi, 120)
    ring = np.stack([6 * np.cos(angle), 6 * np.sin(angle), 0 * angle], axis=1)
    stem = [-16.0, 0, 0] + STEPS * [10.0, 0, 0]
    mask, affine, _ = scan((80, 44, 24), ISO, two(lambda p: tube(p, ring, 1.2), lambda p: tube(p, stem, 1.6)))
    tree = centerline_tree(mask, affine)
    assert {s.tree for s in tree.segments} == {0} and len(tree.segments) == 3
    assert tree.segments[0].points[0, 0] < -14.0
    for path in (ring, stem):
        assert (cKDTree(tree.points).query(path)[0] < 0.8).mean() > 0.95


def test_a_branch_that_leaves_the_scan_beside_one_that_does_not():
    trunk, side = [-30.0, 0, 0] + STEPS * [38.0, 0, 0], STEPS * [8.0, 20.0, 0]
    taper = np.linspace(2.6, 1.2, 60)
    mask, affine, _ = scan(
        (50, 40, 24), ISO, two(lambda p: tube(p, trunk, taper), lambda p: tube(p, side, 1.0))
    )
    assert mask[0].any() and mask[:, -1].any()
    tree = centerline_tree(mask, affine)
    assert [s.parent for s in tree.segments] == [-1, 0, 0]
    assert tree.segments[0].points[0, 0] < -8.5  # its ostium is where the scan ends
    lengths = sorted(s.length_mm for s in tree.segments)
    np.testing.assert_allclose(lengths, [line_length(side[side[:, 1] < 7.8]), 8.0 + 0.8, 9.8], atol=1.3)


def test_vessels_that_touch_all_along_are_reported():
    one = [-11.0, -1.2, 0] + STEPS * [22.0, 0, 0]
    other = [-9.0, 1.2, 0] + STEPS * [22.0, 0, 0]
    mask, affine, _ = scan((84, 30, 24), ISO, two(lambda p: tube(p, one, 1.3), lambda p: tube(p, other, 1.3)))
    assert any("side by side" in words for words in centerline_tree(mask, affine).warnings)
    mask, affine, _ = scan((84, 30, 24), ISO, lambda p: tube(p, one, 2.6))
    assert centerline_tree(mask, affine).warnings == []


def test_a_tree_begins_behind_the_rim_that_the_aorta_leaves():
    """Three sections of a rim of 0.3 mm beside the aorta's wall, then a vessel of 2 mm."""
    points = np.arange(40)[:, None] * (0.5, 0, 0)
    radius = np.r_[[0.3, 0.3, 0.4], np.full(37, 2.0)]
    beside, far = (cKDTree([[x, 0.0, 0.0]]) for x in (-1.0, -20.0))
    assert drop_beak(points, radius, beside) == 3
    assert drop_beak(points, radius, far) == 0  # a thin start elsewhere is the vessel's own
    assert drop_beak(points, np.full(40, 2.0), beside) == 0
    assert drop_beak(points, np.linspace(2.0, 0.8, 40), beside) == 0
    assert drop_beak(points, np.r_[np.full(30, 0.3), np.full(10, 2.0)], beside) == 0  # a thin vessel, no rim
