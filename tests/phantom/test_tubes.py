"""Sub-voxel rendering against volumes known on paper."""

import numpy as np
import pytest

from bundle.phantom.core import Grid
from bundle.phantom.vessels import TubeRaster


def filled_volume(spacing, samples, radius, path):
    spacing = np.array(spacing)
    shape = tuple(np.ceil(np.array([24, 24, 24]) / spacing).astype(int))
    raster = TubeRaster(Grid(spacing / 2, spacing, shape), samples)
    raster.add([(path, radius, 0.0)])
    _, filled, _ = raster.coverage()
    return filled.sum() * spacing.prod()


def capsule(radius, length):
    return np.pi * radius**2 * length + 4 / 3 * np.pi * radius**3


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("spacing,samples", [((0.4, 0.4, 0.5), (1, 1, 1)), ((1.4, 1.4, 2.1), (3, 3, 4))])
def test_a_slanted_tube_fills_its_volume(radius, spacing, samples):
    path = np.linspace([6.3, 5.9, 4.2], [16.1, 17.7, 19.0], 60)
    length = np.linalg.norm(path[-1] - path[0])
    assert filled_volume(spacing, samples, radius, path) == pytest.approx(capsule(radius, length), rel=0.06)


def test_overlapping_tubes_count_once():
    path = np.linspace([6, 12, 12], [18, 12, 12], 30)
    grid = Grid(np.full(3, 0.25), np.full(3, 0.5), (48, 48, 48))
    once, twice = TubeRaster(grid), TubeRaster(grid)
    once.add([(path, 2.0, 1.0)])
    twice.add([(path, 2.0, 1.0), (path[::-1], 2.0, 1.0)])
    assert twice.coverage()[1].sum() == pytest.approx(once.coverage()[1].sum(), rel=1e-5)


def test_a_tube_outside_the_grid_fills_nothing():
    raster = TubeRaster(Grid(np.zeros(3), np.ones(3), (8, 8, 8)))
    raster.add([(np.array([[50.0, 50, 50], [60, 50, 50]]), 1.0, 0.0)])
    assert len(raster.coverage()[0]) == 0


def test_values_follow_the_tube():
    grid = Grid(np.zeros(3), np.full(3, 0.5), (64, 16, 16))
    raster = TubeRaster(grid)
    path = np.linspace([2, 4, 4], [30, 4, 4], 57)
    raster.add([(path, 1.5, np.linspace(100, 400, 57))])
    voxels, filled, value = raster.coverage()
    x = (voxels % 64) * 0.5
    full = filled > 0.99
    np.testing.assert_allclose(value[full], 100 + 300 * np.clip((x[full] - 2) / 28, 0, 1), atol=8)
