"""How the heart is bent between two scans: a smooth map of space from pairs of places on vessels.

Of a place between two bifurcations only that is known which lies across the vessel, since a vessel slid along
itself looks the same. So each place has a tolerance of its own, small across and large along: the thin-plate
spline of Rohr et al. (IEEE TMI 2001), whose landmarks have anisotropic errors. ITK's and SciPy's splines take
isotropic ones only.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve
from scipy.spatial.distance import cdist

__all__ = ["Bend"]

_ALONG, _MARK = 100.0, 5.0  # tolerance along a vessel, and of a bifurcation, over that across (squares)


class Bend:
    """A map (N, 3) to (N, 3), mm, that is the identity plus a thin-plate spline.

    Args:
        points: (N, 3) mm, at least four that do not lie in a plane.
        onto: (N, 3) mm, where they should come to.
        direction: (N, 3) unit vectors along the vessel at `onto`; zero for a bifurcation.
        stiff: how much the spline may miss them across the vessel; 0 goes through them.
    """

    def __init__(self, points: np.ndarray, onto: np.ndarray, direction: np.ndarray, stiff: float):
        count = len(points)
        self._knots = points
        along = direction[:, :, None] * direction[:, None, :]
        is_mark = ~direction.any(axis=1)
        tolerance = np.eye(3) * np.where(is_mark, _MARK, 1.0)[:, None, None] + (_ALONG - 1) * along
        system = np.zeros((3 * (count + 4), 3 * (count + 4)))
        kernel = np.kron(-cdist(points, points), np.eye(3))
        for number, own in enumerate(stiff * tolerance):
            at = slice(3 * number, 3 * number + 3)
            kernel[at, at] += own
        plane = np.kron(np.hstack([np.ones((count, 1)), points]), np.eye(3))
        system[: 3 * count, : 3 * count] = kernel
        system[: 3 * count, 3 * count :] = plane
        system[3 * count :, : 3 * count] = plane.T
        right = np.concatenate([(onto - points).ravel(), np.zeros(12)])
        found = solve(system, right, assume_a="sym").reshape(-1, 3)
        self._weights, self._plane = found[:count], found[count:]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        linear = np.hstack([np.ones((len(points), 1)), points]) @ self._plane
        return points + linear - cdist(points, self._knots) @ self._weights
