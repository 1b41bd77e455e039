"""A heart is found where it was put, as long as it is not too unusual."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bundle.geometry.naming.anatomy import heart_coordinates, laid
from bundle.geometry.naming.courses import ANATOMIES, courses
from bundle.geometry.naming.heart import Heart, fit_heart
from bundle.geometry.naming.read import READ
from bundle.geometry.naming.steep import STEEP

either = pytest.mark.parametrize("anatomy", ANATOMIES, ids=("read", "steep"))


@either
def test_the_usual_axes_are_right_handed_and_point_as_in_an_adult(anatomy):
    right, apex, front = anatomy.axes
    assert np.allclose(anatomy.axes @ anatomy.axes.T, np.eye(3)) and np.linalg.det(anatomy.axes) > 0
    assert apex[0] < 0 < apex[1] and apex[2] < 0  # to the left, to the front, down
    assert right[0] > 0 and front[1] > 0


def test_a_steep_heart_points_down_more_than_that_of_patients():
    assert STEEP.axes[1, 2] < READ.axes[1, 2] - 0.2


@either
def test_the_vessels_begin_and_part_where_they_should(anatomy):
    """On a heart of usual size: ostia 25 to 45 mm apart, LAD and LCx from the end of the left main."""
    left, right = anatomy.ostia["left"], anatomy.ostia["right"]
    assert 25 < np.linalg.norm(left - right) < 45
    end = anatomy.lines["LM"][0][-1]
    assert 6 < np.linalg.norm(end - left) < 14
    for name in ("LAD", "LCx"):
        line = anatomy.lines[name][0]
        assert np.linalg.norm(np.diff(line, axis=0), axis=1).sum() > 85
        assert np.linalg.norm(line - end, axis=1).min() < 3
    apex = [anatomy.lines[name][0][-1] for name in ("LAD", "PDA")]
    assert np.linalg.norm(np.subtract(*apex)) < 60  # towards each other, from both grooves


@either
@pytest.mark.parametrize("degrees", [(0, 0, 0), (8, -5, 10)])
def test_a_heart_is_found_from_places_on_it(degrees, anatomy):
    heart_mm = courses(anatomy).points
    turn = Rotation.from_rotvec(degrees, degrees=True).as_matrix() @ anatomy.axes.T
    ras = np.array([12.0, -180, 1730]) + 1.06 * heart_mm @ turn.T
    found = Heart.usual(anatomy, heart_mm[0], ras[0])
    for _ in range(20):
        found = fit_heart(found, ras, heart_mm, np.full(len(ras), 1.0))
    assert np.abs(found.place(ras) - heart_mm).max() < 1.0
    assert found.size == pytest.approx(1.06, abs=0.01)


def test_a_few_places_leave_the_heart_as_usual():
    """Two points cannot turn it by much."""
    heart_mm = np.array([[0.0, 0, 0], [10, 0, 0]])
    ras = np.array([[0.0, 0, 0], [0, 0, 10]])  # a quarter turn, by these alone
    found = fit_heart(Heart.usual(READ, heart_mm[0], ras[0]), ras, heart_mm, np.full(2, 0.2))
    assert found.surprise < 0.5


@either
def test_the_usual_heart_surprises_nobody(anatomy):
    assert Heart.usual(anatomy, np.zeros(3), np.zeros(3)).surprise == pytest.approx(0)
    turned = Heart.usual(anatomy, np.zeros(3), np.zeros(3), np.array([0.0, 0, 24]))
    assert turned.surprise == pytest.approx(2.0, rel=0.01)  # two standard deviations


def test_places_on_a_heart_have_the_coordinates_that_they_were_laid_by():
    places = [(-10, 103, 1.05), (27, 92, 1.0), (60, -85, 0.6), (5, 175, 1.2)]
    np.testing.assert_allclose(heart_coordinates(laid(*places)), places, atol=1e-9)
