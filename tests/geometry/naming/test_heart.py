"""A heart is found where it was put, as long as it is not too unusual."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bundle.geometry.naming.courses import USUAL_AXES, courses
from bundle.geometry.naming.heart import Heart, fit_heart


def test_the_usual_axes_are_right_handed_and_point_as_in_an_adult():
    right, apex, front = USUAL_AXES
    assert np.allclose(USUAL_AXES @ USUAL_AXES.T, np.eye(3)) and np.linalg.det(USUAL_AXES) > 0
    assert apex[0] < 0 < apex[1] and apex[2] < 0  # to the left, to the front, down
    assert right[0] > 0 and front[1] > 0


@pytest.mark.parametrize("degrees", [(0, 0, 0), (8, -5, 10)])
def test_a_heart_is_found_from_places_on_it(degrees):
    heart_mm = courses().points
    turn = Rotation.from_rotvec(degrees, degrees=True).as_matrix() @ USUAL_AXES.T
    ras = np.array([12.0, -180, 1730]) + 1.06 * heart_mm @ turn.T
    found = Heart.usual(heart_mm[0], ras[0])
    for _ in range(20):
        found = fit_heart(found, ras, heart_mm, np.full(len(ras), 1.0))
    assert np.abs(found.place(ras) - heart_mm).max() < 1.0
    assert found.size == pytest.approx(1.06, abs=0.01)


def test_a_few_places_leave_the_heart_as_usual():
    """Two points cannot turn it by much."""
    heart_mm = np.array([[0.0, 0, 0], [10, 0, 0]])
    ras = np.array([[0.0, 0, 0], [0, 0, 10]])  # a quarter turn, by these alone
    found = fit_heart(Heart.usual(heart_mm[0], ras[0]), ras, heart_mm, np.full(2, 0.2))
    assert found.surprise < 0.5


def test_the_usual_heart_surprises_nobody():
    assert Heart.usual(np.zeros(3), np.zeros(3)).surprise == pytest.approx(0)
    turned = Heart.usual(np.zeros(3), np.zeros(3), np.array([0.0, 0, 24]))
    assert turned.surprise == pytest.approx(2.0, rel=0.01)  # two standard deviations
