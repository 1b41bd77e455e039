"""Two trees on a ball for an aorta, a vein, specks, a detached piece, a gap of 2 mm and one of 6 mm."""

import numpy as np
import pytest
from tree_scene import BALL_MM, BALL_RADIUS, SPACINGS, Scene, rule

from bundle.geometry.centerline import aorta_wall, blood_pool, keep_trees

by_spacing = pytest.mark.parametrize("spacing", SPACINGS)


@by_spacing
def test_two_trees_stay_and_specks_go(spacing):
    scene = Scene(spacing)
    trees = scene.left | scene.right
    mask = trees.copy()
    for x, y, z in ((5, 5, 30), (38, 34, 50), (10, 34, 60)):
        mask |= np.linalg.norm(scene.at - (x, y, z), axis=-1) <= 1.2
    kept, record = scene.keep(mask)
    np.testing.assert_array_equal(kept, trees)
    assert (record["parts_before"], len(record["trees"]), record["detached"]) == (5, 2, [])
    assert record["has_root"] and record["joins"] == []
    assert record["dropped_mm3"] == pytest.approx((mask & ~trees).sum() * scene.voxel_mm3, abs=0.1)
    # The longest first: 48 mm less what lies in the ball, and a skeleton ends before its tube.
    assert 42 < record["trees"][0]["length_mm"] < 50
    assert record["trees"][0]["width_mm"] == pytest.approx(2 * 1.6, rel=0.15)


@by_spacing
def test_a_long_sure_piece_stays_and_is_said_to_be_detached(spacing):
    scene = Scene(spacing)
    piece = scene.tube(8, 30, 30, 48, 0.8)
    kept, record = scene.keep(scene.left | scene.right | piece)
    assert kept[piece].all()
    (detached,) = record["detached"]
    assert 15 < detached["length_mm"] < 19 and detached["at_lps_mm"] == pytest.approx([-8, -30, 39], abs=0.6)
    for numbers in ({"detached_mm": 20}, {"detached_elongation": 12}, {"widest_mm": 1.2}, {"far_mm": 6}):
        kept, record = scene.keep(scene.left | scene.right | piece, **numbers)
        assert not kept[piece].any() and record["detached"] == [], numbers
    faint = np.where(piece, 0.35, 0.9)
    kept, _ = keep_trees(
        scene.left | piece, scene.affine, faint, rule(), pool_mm=aorta_wall(scene.aorta, scene.affine)
    )
    assert not kept[piece].any() and kept[scene.left].all()


@by_spacing
def test_a_blob_is_no_vessel(spacing):
    scene = Scene(spacing)
    blob = np.linalg.norm(scene.at - (36, 32, 50), axis=-1) <= 5.5
    kept, _ = scene.keep(scene.left | blob)
    np.testing.assert_array_equal(kept, scene.left)


@by_spacing
def test_what_lies_far_from_all_that_is_kept_goes(spacing):
    scene = Scene(spacing)
    rib = scene.tube(38, 34, 40, 60, 1.0)
    away = np.hypot(38 - 17.03, 34 - 20.07) - 1.0 - 1.6
    for far, stays in ((away - 1.5, False), (away + 1.5, True)):
        kept, _ = scene.keep(scene.left | rib, far_mm=far)
        assert kept[rib].all() == stays


@by_spacing
def test_what_begins_at_another_part_of_the_aorta_goes(spacing):
    scene = Scene(spacing)
    descending = np.linalg.norm(scene.at - (37, 33, 60), axis=-1) <= 6.5
    intercostal = scene.tube(37, 33, 20, 57, 1.2) & ~descending
    near = scene.tube(30, 36, 50, 68, 0.9) & ~descending
    mask, aorta = scene.left | scene.right | intercostal | near, scene.aorta | descending
    kept, record = scene.keep(mask, aorta=aorta, aorta_mm=25, far_mm=8)
    np.testing.assert_array_equal(kept, scene.left | scene.right)
    assert len(record["trees"]) == 2
    kept, record = scene.keep(mask, aorta=aorta, aorta_mm=100, far_mm=8)
    assert kept[intercostal].all() and kept[near].all() and len(record["trees"]) == 3


@by_spacing
def test_where_the_vein_is_more_probable_the_lumen_goes(spacing):
    scene = Scene(spacing)
    own = scene.tube(36, 20, 24, 60, 1.5)
    beside = scene.tube(19.6, 20.07, 30, 50, 1.0) & ~scene.left
    vein = np.where(own | beside, 0.95, 0.1)
    kept, record = scene.keep(scene.left | own | beside, vein=vein, vein_margin=0.04)
    np.testing.assert_array_equal(kept, scene.left)
    assert record["vein_mm3"] == pytest.approx((own | beside).sum() * scene.voxel_mm3, abs=0.1)
    assert record["parts_before"] == 1
    _, record = scene.keep(scene.left | own | beside, vein=vein, vein_margin=0.06)
    assert record["vein_mm3"] == 0  # by more than the margin, not by as much
    # A little less than the lumen is no veto, but such a piece is not sure to be a coronary.
    kept, record = scene.keep(scene.left | own, vein=vein * 0.9)
    assert record["vein_mm3"] == 0 and not kept[own].any()
    kept, _ = scene.keep(scene.left | own, vein=vein * 0.9, detached_probability=0.04)
    assert kept[own].all()


@by_spacing
def test_a_gap_of_2_mm_is_bridged_and_one_of_6_mm_stays(spacing):
    scene = Scene(spacing)
    cut = scene.left & ~scene.tube(17, 20, 40, 42, 4)
    kept, record = scene.keep(cut)
    (join,) = record["joins"]
    assert join["gap_mm"] == pytest.approx(2, abs=1.0)
    assert join["at_lps_mm"] == pytest.approx([-17, -20, 41], abs=1.0)
    assert len(record["trees"]) == 1 and record["detached"] == []
    bridge = kept & ~cut
    assert bridge.any() and bridge[scene.left].sum() > 0.8 * bridge.sum()
    assert (kept.any(axis=(0, 1)) == scene.left.any(axis=(0, 1))).all()  # no slice is empty
    wide = scene.left & ~scene.tube(17, 20, 40, 46, 4)
    kept, record = scene.keep(wide)
    np.testing.assert_array_equal(kept, wide)
    assert record["joins"] == [] and len(record["detached"]) == 1
    kept, record = scene.keep(cut, max_gap_mm=0)
    assert record["joins"] == [] and np.array_equal(kept, cut)


@by_spacing
def test_an_end_that_points_at_a_side_is_bridged(spacing):
    """A branch along x that begins 2 mm beside the left tree."""
    scene = Scene(spacing)
    across = np.hypot(scene.at[..., 1] - 20.07, scene.at[..., 2] - 50)
    branch = (across <= 0.9) & (scene.at[..., 0] <= 17.03 - 1.6 - 2) & (scene.at[..., 0] >= 2)
    kept, record = scene.keep(scene.left | branch)
    assert len(record["joins"]) == 1 and len(record["trees"]) == 1 and record["detached"] == []
    assert kept[branch].all()


@by_spacing
def test_vessels_side_by_side_and_two_trees_are_not_joined(spacing):
    scene = Scene(spacing)
    beside = scene.tube(17.03 + 1.6 + 1.0 + 1.5, 20.07, 35, 55, 1.0)
    _, record = scene.keep(scene.left | beside)
    assert record["joins"] == [] and len(record["detached"]) == 1
    # Both begin at an aorta, and their tips face each other.
    second = np.linalg.norm(scene.at - (22, 20, 64), axis=-1) <= 7.5
    low, high = scene.tube(22, 20, 19, 37, 1.2) & ~scene.aorta, scene.tube(22, 20, 39, 58, 1.2) & ~second
    _, record = scene.keep(low | high, aorta=scene.aorta | second)
    assert record["joins"] == [] and len(record["trees"]) == 2


@by_spacing
def test_without_an_aorta_pools_are_found_in_the_image(spacing):
    """Of two tubes that pass a chamber the one whose thick end lies there has its root there."""
    scene = Scene(spacing)
    thin_there = scene.tube(27.03, 20.07, 18, 42, 0.9) | scene.tube(27.03, 20.07, 42, 60, 1.6)
    thin_there &= ~scene.aorta
    mask = scene.left | thin_there
    image = np.where(mask | scene.aorta, 400.0, -80.0)
    pool = blood_pool(image, scene.affine, scene.at[mask])
    assert np.abs(np.linalg.norm(pool - BALL_MM, axis=1) - BALL_RADIUS).max() < 3.5
    kept, record = keep_trees(mask, scene.affine, mask * 0.9, rule(), pool_mm=pool, is_aorta=False)
    assert len(record["trees"]) == 1 and record["trees"][0]["length_mm"] > 40
    assert len(record["detached"]) == 1 and np.array_equal(kept, mask)


def test_where_nothing_begins_at_an_aorta_the_longest_part_stands_in():
    scene = Scene(SPACINGS[0])
    both = scene.left | scene.right
    kept, record = keep_trees(both, scene.affine, both * 0.9, rule())
    assert not record["has_root"] and len(record["trees"]) == 1 and len(record["detached"]) == 1
    assert kept.sum() == both.sum()


def test_nothing_stays_nothing():
    empty = np.zeros((20, 20, 20), bool)
    for mask in (empty, empty | (np.indices((20, 20, 20)).sum(0) == 0)):
        kept, record = keep_trees(mask, np.eye(4), mask * 0.9, rule(speck_mm3=3))
        assert not kept.any() and record["trees"] == [] and not record["has_root"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2)])
def test_axes_in_another_order_or_turned_around_give_the_same(order, flips):
    scene = Scene((0.5, 0.5, 0.6))
    cut = scene.left & ~scene.tube(17, 20, 40, 42, 4)
    mask = cut | scene.right | scene.tube(8, 30, 30, 48, 0.8) | scene.tube(36, 32, 50, 54, 0.9)
    plain, record = scene.keep(mask)

    def turned(volume):
        return np.flip(volume.transpose(order), flips)

    affine = scene.affine[:, [*order, 3]]
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (mask.transpose(order).shape[axis] - 1)
        affine[:3, axis] *= -1
    wall = aorta_wall(turned(scene.aorta), affine)
    kept, other = keep_trees(turned(mask), affine, turned(mask * 0.9), rule(), pool_mm=wall)
    np.testing.assert_array_equal(kept[turned(mask)], turned(plain)[turned(mask)])
    assert (kept != turned(plain)).sum() <= 6  # of the bridge, whose ends are the skeleton's
    assert [len(other[key]) for key in ("trees", "detached", "joins")] == [2, 1, 1]
    assert len(record["joins"]) == 1


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="far_mm must be 0 or more"):
        rule(far_mm=-1)


def slanted(scene, low_mm, high_mm, radius):
    """A tube from one point to another."""
    low, high = np.asarray(low_mm, float), np.asarray(high_mm, float)
    along = np.clip((scene.at - low) @ (high - low) / ((high - low) @ (high - low)), 0, 1)
    return np.linalg.norm(scene.at - low - along[..., None] * (high - low), axis=-1) <= radius


@by_spacing
def test_a_branch_that_leaves_backwards_as_a_vein_goes(spacing):
    """The left tree runs up; one branch leaves it upwards, one downwards at 150 degrees."""
    scene = Scene(spacing)
    onward = slanted(scene, (17.03, 20.07, 50), (7, 14, 66), 0.9) & ~scene.left
    back = slanted(scene, (17.03, 20.07, 46), (8, 27, 27), 0.9) & ~scene.left
    mask = scene.left | onward | back
    vein = np.where(onward | back, 0.4, 0.0).astype(np.float32)
    kept, record = scene.keep(mask, vein=vein)
    (gone,) = record["backward"]
    assert gone["vein"] == pytest.approx(0.4, abs=0.08) and 14 < gone["length_mm"] < 24
    assert gone["at_lps_mm"] == pytest.approx([-12.5, -23.5, 36.5], abs=2.0)
    assert (kept & back).sum() < 0.15 * back.sum(), "but for its first voxels, in the parent's wall"
    assert (kept & scene.left).sum() > 0.99 * scene.left.sum()
    assert (kept & onward).sum() > 0.97 * onward.sum(), "an artery may be taken for a vein, but runs onwards"
    for vein_share, numbers in ((0.1, {}), (0.4, {"backward_mm": 40}), (0.4, {"backward_facing": -0.99})):
        kept, record = scene.keep(mask, vein=vein * (vein_share / 0.4), **numbers)
        assert kept[back].all() and record["backward"] == []


@by_spacing
def test_a_piece_darker_than_the_trees_goes(spacing):
    """Fat is -100, the trees 300: a piece at 60 is 0.4 of the way, one at 0 a quarter."""
    scene = Scene(spacing)
    piece = scene.tube(8, 30, 30, 48, 0.8)
    mask = scene.left | scene.right | piece
    wall = aorta_wall(scene.aorta, scene.affine)
    chance = np.where(mask, 0.9, 0.0).astype(np.float32)
    # The image lies on another grid, its x axis the other way round.
    turned = np.diag([-spacing[0], spacing[1], spacing[2], 1.0])
    turned[0, 3] = scene.affine[0, 0] * (mask.shape[0] - 1)
    for value, stays in ((60.0, True), (0.0, False)):
        image = np.where(scene.left | scene.right, 300.0, np.where(piece, value, -100.0))[::-1]
        kept, record = keep_trees(
            mask, scene.affine, chance, rule(fat=-100.0), None, wall, image=(image, turned)
        )
        assert kept[piece].all() == stays and len(record["detached"]) == stays
        assert kept[scene.left | scene.right].all()
