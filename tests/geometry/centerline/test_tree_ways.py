"""A tree with a stretch of 5 mm missing, in which the probability is low, and what may be joined over it."""

import cc3d
import numpy as np
import pytest
from tree_scene import SPACINGS, Scene, rule

from bundle.geometry.centerline import aorta_wall, keep_trees


def kept_of(scene, mask, between, lumen=0.3, vein=0.0, **numbers):
    """`keep_trees` of a mask of 0.9, with these probabilities in the voxels of `between`."""
    chance = np.where(mask, 0.9, np.where(between, lumen, 0.0)).astype(np.float32)
    veins = np.where(between & ~mask, vein, 0.0).astype(np.float32)
    pool = aorta_wall(scene.aorta, scene.affine)
    return keep_trees(mask, scene.affine, chance, rule(**numbers), veins, pool)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_piece_is_joined_along_what_is_less_probable(spacing):
    scene = Scene(spacing)
    gap = scene.left & scene.tube(17, 20, 40, 45, 4)
    cut = scene.left & ~gap
    kept, record = kept_of(scene, cut, gap)
    (join,) = record["joins"]
    assert join["gap_mm"] == pytest.approx(5, abs=0.8)
    assert join["at_lps_mm"] == pytest.approx([-17, -20, 42.5], abs=1.7)  # anywhere in the lumen
    assert join["probability"] == 0.3
    assert record["parts_after"] == 1
    assert cc3d.connected_components(kept, connectivity=6, return_N=True)[1] == 1  # one surface too
    assert (kept & ~cut)[gap].sum() == (kept & ~cut).sum() > 0  # in the vessel and nowhere else
    assert len(record["trees"]) == 1 and record["detached"] == []


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("change", [{"lumen": 0.05}, {"way_mm": 3.5}, {"way_mm": 0.0}])
def test_it_stays_apart_where_nothing_leads_there(spacing, change):
    scene = Scene(spacing)
    gap = scene.left & scene.tube(17, 20, 40, 45, 4)
    kept, record = kept_of(scene, scene.left & ~gap, gap, **change)
    assert record["joins"] == [] and record["parts_after"] == 2 and len(record["detached"]) == 1
    np.testing.assert_array_equal(kept, scene.left & ~gap)


def test_a_piece_is_joined_across_a_vein():
    """A vein as wide as the gap crosses it; the lumen's probability is 0.02 there, as where it is empty."""
    scene = Scene((0.5, 0.5, 0.5))
    vein = np.hypot(scene.at[..., 1] - 20.07, scene.at[..., 2] - 42.5) <= 2.0
    cut = scene.left & ~vein
    for weight, parts in ((0.5, 1), (0.0, 2)):
        _, record = kept_of(scene, cut, vein, lumen=0.02, vein=0.95, way_vein=weight, max_gap_mm=0)
        assert record["parts_after"] == parts and len(record["joins"]) == 2 - parts
    # Not along it for longer than a crossing takes.
    along = scene.tube(17, 20, 40, 48, 4)
    _, record = kept_of(scene, scene.left & ~along, along, lumen=0.02, vein=0.95)
    assert record["joins"] == [] and record["parts_after"] == 2


def test_a_way_may_bend_and_end_at_a_side():
    """A branch beside the left tree, joined along an L: across, and then along the branch's own line."""
    scene = Scene((0.5, 0.5, 0.5))
    branch = scene.tube(12, 20, 40, 60, 0.9)
    across = np.hypot(scene.at[..., 1] - 20.07, scene.at[..., 2] - 37) <= 0.6
    elbow = across & (scene.at[..., 0] >= 12) & (scene.at[..., 0] <= 15.5) | scene.tube(12, 20, 36.5, 40, 0.6)
    elbow &= ~branch & ~scene.left
    kept, record = kept_of(scene, scene.left | branch, elbow)
    assert len(record["joins"]) == 1 and record["parts_after"] == 1
    assert not (kept & ~elbow & ~scene.left & ~branch).any()


def test_two_trees_stay_two_and_a_piece_between_them_goes_to_the_nearer():
    scene = Scene((0.5, 0.5, 0.5))
    between = scene.tube(22, 20.07, 50, 52, 6) & ~scene.left & ~scene.right
    kept, record = kept_of(scene, scene.left | scene.right, between)
    assert record["joins"] == [] and record["parts_after"] == 2
    piece = scene.tube(23.5, 20.07, 44, 60, 0.8)
    kept, record = kept_of(scene, scene.left | scene.right | piece, between & ~piece, max_gap_mm=0)
    (join,) = record["joins"]
    assert record["parts_after"] == 2 and join["gap_mm"] < 3
    parts = cc3d.connected_components(kept, connectivity=26)
    assert len(np.unique(parts[piece])) == 1 and np.unique(parts[piece])[0] in np.unique(parts[scene.right])
