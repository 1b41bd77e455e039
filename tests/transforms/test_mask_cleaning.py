"""Opening and the component rule, in millimetres."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy.ndimage import binary_opening

from bundle.transforms.binary_opening import BinaryOpeningd, ball_offsets, open_mask
from bundle.transforms.keep_components import KeepComponentsd, keep_components


def meta_mask(array, spacing=(1.0, 1.0, 1.0)):
    return MetaTensor(torch.as_tensor(np.asarray(array, np.uint8))[None], affine=np.diag([*spacing, 1.0]))


def opening(radius_mm, mask):
    return BinaryOpeningd("pred", radius_mm)({"pred": mask})["pred"]


def keep(min_volume_mm3, mask, **options):
    return KeepComponentsd("pred", min_volume_mm3, **options)({"pred": mask})["pred"]


def bar(width, shape=(24, 24, 24)):
    mask = np.zeros(shape, bool)
    mask[8 : 8 + width, 8 : 8 + width, 2:22] = True
    return mask


def test_a_ball_in_mm_is_flat_on_a_flat_voxel():
    offsets = np.array(ball_offsets(1.0, (0.5, 0.5, 1.0)))
    assert np.abs(offsets).max(axis=0).tolist() == [2, 2, 1]
    assert (2, 1, 0) not in set(map(tuple, offsets.tolist()))  # 1.12 mm away


@pytest.mark.parametrize("seed", range(3))
def test_opening_agrees_with_scipy(seed):
    spacing, radius_mm = (0.4, 0.5, 0.7), 0.9
    rng = np.random.default_rng(seed)
    mask = np.kron(rng.random((6, 6, 6)) > 0.5, np.ones((4, 4, 3))) > 0
    reach = [int(radius_mm / s) for s in spacing]
    grid = np.meshgrid(*[np.arange(-n, n + 1) * s for n, s in zip(reach, spacing)], indexing="ij")
    ball = np.sqrt(sum(g**2 for g in grid)) <= radius_mm
    np.testing.assert_array_equal(open_mask(mask, radius_mm, spacing), binary_opening(mask, ball))


def test_opening_removes_specks_and_thin_branches_and_keeps_the_trunk():
    mask = bar(5)
    mask[2, 2, 2] = True  # a speck
    mask[13:20, 10, 10] = True  # a branch one voxel thin
    opened = open_mask(mask, 1.0, (1, 1, 1))
    assert not opened[2, 2, 2]
    assert not opened[14:20].any()
    assert opened[10, 10, 10]
    assert not (opened & ~mask).any()


def test_the_same_radius_leaves_more_on_a_finer_grid():
    """In mm: 0.5 mm opens a 3-voxel bar of 1 mm voxels not at all, one of 0.3 mm voxels at its edges."""
    assert torch.equal(opening(0.5, meta_mask(bar(3))), meta_mask(bar(3)))
    assert opening(0.5, meta_mask(bar(3), (0.3, 0.3, 0.3))).sum() < bar(3).sum()


def test_radius_zero_is_off():
    mask = meta_mask(bar(1))
    assert BinaryOpeningd("pred", 0.0)({"pred": mask})["pred"] is mask
    with pytest.raises(ValueError, match="radius_mm"):
        BinaryOpeningd("pred", -1)


def two_trees_and_a_speck():
    mask = np.zeros((30, 30, 30), np.uint8)
    mask[2:6, 2:6, 2:22] = 1  # 320 voxels
    mask[20:24, 20:23, 2:22] = 1  # 240 voxels
    mask[12, 12, 12] = mask[13, 13, 13] = 1  # 2 voxels, corner to corner
    return mask


def test_both_trees_stay_and_the_speck_goes():
    kept = keep(5, meta_mask(two_trees_and_a_speck()))
    assert kept.sum() == 560
    assert kept.meta["components"] == 2
    assert kept.meta["volume_mm3"] == pytest.approx(560)


def test_the_volume_counts_not_the_number_of_voxels():
    mask = two_trees_and_a_speck()
    assert keep(5, meta_mask(mask, (2, 2, 1))).meta["components"] == 3  # the speck is 8 mm3
    assert keep(100, meta_mask(mask, (0.5, 0.5, 1.5))).meta["components"] == 1  # 120 and 90 mm3


def test_the_papers_rule_loses_a_tree():
    kept, count, _ = keep_components(two_trees_and_a_speck(), 1.0, 0.0, largest_only=True)
    assert (kept.sum(), count) == (320, 1)


def test_corners_connect():
    _, count, _ = keep_components(two_trees_and_a_speck(), 1.0, 0.0)
    assert count == 3


def test_an_empty_mask_stays_empty():
    kept = KeepComponentsd("pred", 30.0)({"pred": meta_mask(np.zeros((4, 5, 6)))})["pred"]
    assert kept.sum() == 0
    assert kept.shape == (1, 4, 5, 6)
    assert (kept.meta["components"], kept.meta["volume_mm3"]) == (0, 0.0)


def test_what_an_opening_takes_and_where_it_does_nothing_is_said():
    thin = torch.zeros(1, 20, 20, 20)
    thin[:, 4:16, 4:16, 4:16] = 1
    thin[:, 10, 10, 16:20] = 1  # a line one voxel thick
    thin[:, 0:2, 0:20, 0:12] = 1  # a plate of two voxels
    opened = opening(2.0, MetaTensor(thin, affine=np.eye(4)))
    assert "the opening took" in opened.meta["warnings"] and "% of the volume" in opened.meta["warnings"]
    kept = opening(0.5, MetaTensor(thin, affine=np.diag([2.0, 2.0, 2.0, 1.0])))
    assert kept.meta["warnings"] == "an opening of 0.5 mm does nothing at voxels of 2 mm"
    assert torch.equal(kept.as_tensor(), thin)


def test_dropping_the_other_tree_is_said():
    two = torch.zeros(1, 20, 20, 20)
    two[:, 2:6, 2:6, 2:18] = 1
    two[:, 12:15, 12:16, 2:18] = 1
    mask = MetaTensor(two, affine=np.eye(4))
    assert "warnings" not in keep(1.0, mask).meta
    assert "took 43 %" in keep(1.0, mask, largest_only=True).meta["warnings"]
