import numpy as np
import pytest
from PIL import Image
from shapes import rotation, scan, tube
from vessels import straight

from bundle.geometry.render.reformation import curved, lengthwise, reformation_picture

ANGLE = np.linspace(-1.2, 1.2, 60)
PATH = np.stack([10 * np.sin(ANGLE), 10 * np.cos(ANGLE) - 7, 0.5 * ANGLE], axis=1)
RADIUS = 1.5


@pytest.fixture(scope="module")
def scan_of_a_bend():
    axes = rotation((10, 20, -15)) @ np.diag([0.4, -0.4, 0.5])
    _, affine, image = scan((64, 50, 40), axes, lambda p: tube(p, PATH, RADIUS), edge_mm=0.15)
    return image, affine


def width_mm(row, pixel_mm=0.25):
    return (row > 0.5).sum() * pixel_mm


def test_the_straightened_vessel_is_a_band_of_its_diameter_at_every_angle(scan_of_a_bend):
    cuts = lengthwise(*scan_of_a_bend, PATH[10:-10], (0.0, 45.0, 90.0), width_mm=8.0)
    assert cuts.shape == (3, 40, 33)
    for cut in cuts:
        assert np.mean([width_mm(row) for row in cut]) == pytest.approx(2 * RADIUS, abs=0.2)
        middles = [np.flatnonzero(row > 0.5).mean() for row in cut]
        np.testing.assert_allclose(middles, 16, atol=0.7)


def test_the_angle_turns_about_the_vessel(scan_of_a_bend):
    cuts = lengthwise(*scan_of_a_bend, PATH[10:-10], (0.0, 180.0), width_mm=8.0)
    np.testing.assert_allclose(cuts[0], cuts[1][:, ::-1], atol=1e-4)


def test_the_curved_reformation_shows_the_vessel_along_its_middle(scan_of_a_bend):
    picture = curved(*scan_of_a_bend, PATH[10:-10], width_mm=10.0)
    middle = picture.shape[1] // 2
    assert (picture[:, middle] > 0.9).all()
    assert np.mean([width_mm(row) for row in picture]) == pytest.approx(2 * RADIUS, abs=0.3)


def test_a_picture_is_written(scan_of_a_bend, tmp_path):
    image, affine = scan_of_a_bend
    branch = straight(np.full(40, 1.5)).branches[0]
    branch.points = branch.points - [10, 0, 0]
    reformation_picture(image * 500, affine, branch, tmp_path / "LAD.png")
    assert Image.open(tmp_path / "LAD.png").width > 150
