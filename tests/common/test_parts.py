"""Parts of a mask found by their voxels are those that cc3d finds in the volume."""

import cc3d
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bundle.common.coordinates import voxels_of
from bundle.common.parts import number_parts, split_parts


def masks():
    rng = np.random.default_rng(0)
    for share in (0.02, 0.1, 0.3, 0.6):
        yield rng.random((17, 23, 19)) < share  # also at the border, where a row ends
    yield gaussian_filter(rng.normal(size=(40, 40, 40)), 2) > 0.05
    yield np.ones((3, 4, 5), bool)
    yield np.zeros((3, 4, 5), bool)


@pytest.mark.parametrize("connectivity", [6, 26])
@pytest.mark.parametrize("least", [1, 5])
def test_parts_are_those_of_cc3d_in_their_order(connectivity, least):
    for mask in masks():
        solid = cc3d.dust(mask, threshold=least, connectivity=connectivity) > 0
        expected = cc3d.connected_components(solid, connectivity=connectivity)
        voxels = voxels_of(mask)
        np.testing.assert_array_equal(number_parts(voxels, least, connectivity), expected[tuple(voxels.T)])


def test_every_voxel_is_in_the_part_that_holds_it():
    for mask in masks():
        parts = split_parts(voxels_of(mask))
        labels = cc3d.connected_components(mask, connectivity=26)
        assert [len(part) for part in parts] == np.bincount(labels[mask], minlength=1)[1:].tolist()
        for number, part in enumerate(parts, 1):
            np.testing.assert_array_equal(part, voxels_of(labels == number))
