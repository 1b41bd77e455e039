"""A skeleton reaches every end of a vessel, also where scikit-image's thinning eats it."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from bundle.common.coordinates import voxels_of
from bundle.common.thinning import rim, shell, skeleton, skeleton_voxels
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


def test_shell_and_rim_lie_on_both_sides_of_the_faces():
    rng = np.random.default_rng(0)
    for mask in (gaussian_filter(rng.normal(size=(30, 20, 25)), 1.5) > 0, rng.random((9, 8, 7)) < 0.4):
        np.testing.assert_array_equal(shell(mask), voxels_of(binary_dilation(mask) & ~mask))
        inner = binary_erosion(mask, border_value=1)  # beyond the array there is nothing to be seen
        np.testing.assert_array_equal(rim(mask), voxels_of(mask & ~inner))


def test_parts_that_are_known_are_not_thinned_again(monkeypatch):
    trees = box((4, 8), (4, 8), (2, 30)) | box((20, 23), (20, 23), (2, 30))
    known = {}
    first = skeleton_voxels(voxels_of(trees), known)
    thinned = []
    monkeypatch.setattr("bundle.common.thinning._thin", lambda part: thinned.append(part.sum()) or part)
    np.testing.assert_array_equal(skeleton_voxels(voxels_of(trees), known), first)
    trees[20:23, 20:23, 15:] = False
    again = skeleton_voxels(voxels_of(trees), known)
    assert thinned == [3 * 3 * 13]  # the other part is as it was
    np.testing.assert_array_equal(again[again[:, 0] < 10], first[first[:, 0] < 10])
