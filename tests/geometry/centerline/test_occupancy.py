"""The radius of vessels as thin as the ramp of their probability."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import gaussian_filter
from shapes import centred_affine, grid_points, tube
from vessels import centerline_tree

from bundle.geometry.centerline.occupancy import radius_from_integral, wall_excess


def logistic(radius, edge):
    """(integral radius, probability in the middle) of a circle whose wall is a logistic step."""
    integral = quad(lambda r: 2 * r / (1 + np.exp((r - radius) / edge)), 0, radius + 30 * edge, limit=200)[0]
    return np.sqrt(integral), 1 / (1 + np.exp(-radius / edge))


def blurred(radius, sigma):
    """The same of a circle blurred by a Gaussian."""
    return radius, 1 - np.exp(-(radius**2) / (2 * sigma**2))


@pytest.mark.parametrize(
    ("shape", "width"), [(logistic, 0.15), (logistic, 0.25), (blurred, 0.3), (blurred, 0.5)]
)
def test_the_radius_comes_back_whatever_the_shape_of_the_wall(shape, width):
    radius = np.linspace(0.3, 2.0, 100)
    whole, centre = np.array([shape(r, width) for r in radius]).T
    # A level set is right on a logistic wall and too small on a blurred one.
    level = radius if shape is logistic else np.where(radius > 2 * width, radius - width**2 / (2 * radius), 0)
    found = radius_from_integral(whole, centre, wall_excess(level, whole, centre))
    np.testing.assert_allclose(found, radius, atol=0.17)
    np.testing.assert_allclose(found[radius > 1.2], level[radius > 1.2], atol=0.04)


def test_without_a_ramp_the_radius_stays():
    radius, sure = np.linspace(0.5, 2.0, 50), np.ones(50)
    assert wall_excess(radius, radius, sure) == 0.0
    np.testing.assert_array_equal(radius_from_integral(radius, sure, 0.0), radius)
    assert wall_excess(*[np.zeros(0)] * 3) == 0.0


def test_a_lumen_that_its_level_set_loses_keeps_its_radius():
    """A tube of 3 mm narrowed to 0.8 mm, in a map so blurred that no voxel of the narrow part reaches 0.5."""
    shape = (160, 40, 40)
    affine = centred_affine(shape, np.diag([0.3] * 3))
    path = np.stack([np.linspace(-22, 22, 200), np.zeros(200), np.zeros(200)], axis=1)
    radius = 1.5 - 1.1 * np.clip(2 - np.abs(path[:, 0]) / 2, 0, 1)
    inside = tube(grid_points(shape, affine), path, radius).reshape(shape)
    probability = gaussian_filter(np.clip(inside / 0.3 + 0.5, 0, 1), 0.5 / 0.3).astype(np.float32)
    assert probability[shape[0] // 2].max() < 0.45
    tree = centerline_tree(probability >= 0.5, affine, probability, 0.5)
    points, found = tree.points, tree.radius
    assert found[np.abs(points[:, 0]) < 1.2].mean() == pytest.approx(0.4, abs=0.1)
    # Where it is wide the radius is that of the surface, which such a blur draws 0.08 mm too small.
    assert found[np.abs(np.abs(points[:, 0]) - 12) < 4].mean() == pytest.approx(1.42, abs=0.03)
    assert not np.concatenate([s.gap for s in tree.segments]).any()
