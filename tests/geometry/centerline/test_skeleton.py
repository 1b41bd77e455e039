"""Pits of a rough wall are filled before it is thinned."""

import numpy as np
from scipy.ndimage import convolve

from bundle.common.coordinates import voxels_of
from bundle.geometry.centerline.skeleton import fill_pits


def test_background_among_more_than_three_fifths_of_lumen_is_a_pit():
    rng = np.random.default_rng(0)
    for share in (0.3, 0.55, 0.7):
        mask = np.zeros((14, 17, 20), bool)
        mask[1:-1, 1:-1, 1:-1] = rng.random((12, 15, 18)) < share
        around = convolve(mask.astype(int), np.ones((3, 3, 3), int), mode="constant") - mask
        np.testing.assert_array_equal(fill_pits(mask), voxels_of(mask | (around > 0.6 * 26)))
