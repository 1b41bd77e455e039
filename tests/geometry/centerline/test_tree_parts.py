"""What belongs to which part of a mask."""

import numpy as np
import pytest
from tree_scene import rule

from bundle.geometry.centerline.tree_parts import parts_of


@pytest.mark.parametrize("seed", range(5))
def test_every_node_of_the_skeleton_has_a_part_where_walls_are_rough(seed):
    """Two tubes with many holes: a skeleton may run through a hole that is none of the mask's voxels."""
    x, y, z = np.indices((40, 20, 60))
    inside = (z > 4) & (z < 55) & (np.random.default_rng(seed).random(x.shape) > 0.3)
    mask = inside & ((np.hypot(x - 10, y - 10) < 3) | (np.hypot(x - 30, y - 10) < 3))
    parts = parts_of(mask, np.diag([0.5, 0.5, 0.5, 1.0]), rule(), {})
    assert len(parts.group) == 3
    np.testing.assert_array_equal(parts.part_of, np.where(parts.skeleton.points[:, 0] < 10, 1, 2))
