"""A skeleton reaches every end of a vessel, also where scikit-image's thinning eats it."""

import numpy as np
import pytest

from bundle.common.thinning import skeleton
from bundle.metrics.topology import count_components


def box(*ranges):
    mask = np.zeros((32, 32, 32), bool)
    mask[tuple(slice(a, b) for a, b in ranges)] = True
    return mask


def ball(center, radius):
    grid = np.stack(np.meshgrid(*[np.arange(32)] * 3, indexing="ij"), -1)
    return np.linalg.norm(grid - center, axis=-1) <= radius


@pytest.mark.parametrize("width", [1, 2, 3, 4, 6])
def test_a_skeleton_runs_the_length_of_a_bar(width):
    """Also where the bar is even and symmetric, which scikit-image's thinning deletes."""
    bar = box((10, 10 + width), (10, 10 + width), (2, 30))
    line = skeleton(bar)
    assert 28 - 2 * width <= line.sum() <= 28
    assert not (line & ~bar).any()


def test_a_thick_stretch_of_even_width_keeps_its_line_beside_a_thin_one():
    """scikit-image's thinning leaves nothing of the first 13 voxels, a third of the vessel."""
    vessel = box((10, 14), (10, 14), (2, 16)) | box((11, 13), (11, 13), (16, 30))
    assert np.flatnonzero(skeleton(vessel).any(axis=(0, 1)))[[0, -1]].tolist() == [4, 28]


def test_every_speck_has_a_skeleton():
    specks = box((4, 6), (4, 6), (4, 6)) | box((10, 11), (10, 11), (10, 11)) | ball((20, 20, 20), 2)
    assert count_components(skeleton(specks)) == 3


def test_every_ball_has_a_skeleton_inside_it():
    rng = np.random.default_rng(0)
    for _ in range(60):
        solid = ball(rng.uniform(15, 17, 3), rng.uniform(0.9, 5))
        line = skeleton(solid)
        assert line.any() and not (line & ~solid).any()


def test_a_vessel_that_fills_the_array_needs_no_margin():
    assert skeleton(np.ones((3, 3, 12), bool)).sum() >= 8
