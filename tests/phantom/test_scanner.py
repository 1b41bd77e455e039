"""What the simulated scanner does to an image whose answer is known."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from bundle.phantom import scanner
from bundle.phantom.core import Grid


@pytest.fixture
def quiet():
    """A protocol without noise, motion or steps."""
    protocol = scanner.draw_protocol(np.random.default_rng(0))
    return dataclasses.replace(
        protocol, noise_hu=0.0, motion_mm=0.0, slab_steps=[], psf_fwhm_mm=1.0, psf_z_fwhm_mm=1.0
    )


def grid_of(shape, spacing=0.4):
    return Grid(np.zeros(3), np.full(3, spacing), shape)


def test_protocols_stay_in_the_ranges_of_real_scanners():
    for seed in range(200):
        grid = scanner.draw_protocol(np.random.default_rng(seed)).grid(None)
        assert 0.28 < grid.spacing[0] == grid.spacing[1] <= 0.5
        assert 0.25 <= grid.spacing[2] <= 0.75
        assert grid.shape[:2] == (512, 512) and 100 < grid.shape[2] <= 300


def test_noise_is_as_strong_as_drawn_and_follows_the_kernel(quiet):
    protocol = dataclasses.replace(quiet, noise_hu=30.0, field_of_view_mm=512 * 0.4, slice_mm=0.5)
    grid = Grid(np.zeros(3), np.array([0.4, 0.4, 0.5]), (256, 256, 32))
    noise = scanner.acquire(np.random.default_rng(1), np.zeros(grid.zyx, np.float32), grid, protocol)
    assert noise.std() == pytest.approx(30.0, rel=0.25)
    assert abs(noise.mean()) < 1.0
    power = np.abs(np.fft.rfft2(noise)).mean(0) ** 2
    # A reconstruction kernel: little power at the lowest and at the highest frequencies.
    radial = [power[k, 0] for k in (1, 40, 127)]
    assert radial[1] > 2 * radial[0] and radial[1] > 2 * radial[2]


def test_point_spread_has_the_width_asked_for(quiet):
    grid = grid_of((96, 96, 33), 0.2)
    image = np.zeros(grid.zyx, np.float32)
    image[:, 48, :] = 1000.0  # a thin sheet: its profile is the line spread function
    blurred = scanner.acquire(np.random.default_rng(0), image, grid, quiet)
    profile = blurred[16, :, 48]
    assert profile.sum() == pytest.approx(1000.0, rel=1e-3)
    y = np.arange(96) * 0.2
    centre = (profile * y).sum() / profile.sum()
    sigma = np.sqrt((profile * (y - centre) ** 2).sum() / profile.sum())
    assert 2.355 * sigma == pytest.approx(1.0, abs=0.06)


def test_motion_blurs_along_its_direction_only(quiet):
    moving = dataclasses.replace(quiet, motion_mm=4.0, motion_angle=0.0, motion_part=1.0)
    grid = grid_of((96, 96, 9))
    image = np.zeros(grid.zyx, np.float32)
    image[:, 44:52, 44:52] = 1000.0
    blurred = scanner.acquire(np.random.default_rng(0), image.copy(), grid, moving)[4]
    still = scanner.acquire(np.random.default_rng(0), image.copy(), grid, quiet)[4]

    def width(line):
        return (line > 0.2 * line.max()).sum()

    assert width(blurred.sum(0)) > width(still.sum(0)) + 3
    assert width(blurred.sum(1)) == width(still.sum(1))


def test_slab_steps_move_slices_and_centerlines_alike():
    grid = grid_of((40, 40, 20), 1.0)
    image = np.zeros(grid.zyx, np.float32)
    image[:, 20, 20] = 1.0
    steps = [(9.5, 3.0, -2.0)]
    moved = scanner.shift_slabs(image, grid, steps, mode="constant")
    points = scanner.move_points(np.array([[20.0, 20, 5], [20, 20, 15]]), steps)
    for z, point in ((5, points[0]), (15, points[1])):
        y, x = ndimage.center_of_mass(moved[z])
        np.testing.assert_allclose([x, y], point[:2], atol=1e-6)
