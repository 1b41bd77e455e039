import numpy as np

from bundle.common.coordinates import voxel_to_world
from bundle.common.crop import region_of


def test_empty_mask_has_no_region():
    assert region_of(np.zeros((4, 5, 6))) is None


def test_voxels_stay_where_they_are_in_the_patient():
    affine = np.array([[0, -0.4, 0, 5], [0.3, 0, 0, -7], [0, 0, 0.6, 2], [0, 0, 0, 1]])
    mask = np.zeros((20, 12, 9), np.uint8)
    mask[3:5, 0, 8] = 1  # touches two borders
    region = region_of(mask, margin=6)
    cropped = region.take(mask)
    assert cropped.shape == region.shape == (14, 13, 13)
    world = voxel_to_world(np.argwhere(cropped), region.affine(affine))
    np.testing.assert_allclose(world, voxel_to_world(np.argwhere(mask), affine))
    assert not cropped[:6].any() and not cropped[..., -6:].any()
