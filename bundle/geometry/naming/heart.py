"""Where the heart lies that a coronary tree belongs to, as far as the tree tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from .anatomy import LABELS, Anatomy
from .courses import Courses

__all__ = ["Heart", "fit_heart"]

_TURN = np.deg2rad(12.0)  # one standard deviation of a heart's orientation, about each axis
_SIZE = 0.10  # and of the logarithm of its size
_PRIOR_MM = 45.0  # distance from the middle of points that hold orientation and size near the usual ones
_FAR_MM = 12.0  # beyond this a point pulls with constant force


@dataclass(frozen=True)
class Heart:
    """A similarity from the frame of an anatomy to patient space: RAS mm = shift + size * turn @ heart mm.

    turn: (3, 3) rotation; its columns are the heart's axes in RAS. shift: (3,) RAS mm, of the middle of the
    base. calibre: radius of its arteries over the usual one.
    """

    anatomy: Anatomy
    turn: np.ndarray
    size: float
    shift: np.ndarray
    calibre: float = 1.0

    @classmethod
    def usual(
        cls, anatomy: Anatomy, heart_mm: np.ndarray, ras_mm: np.ndarray, degrees: np.ndarray | None = None
    ) -> Heart:
        """A heart of usual size with one place (3,) where it is known to lie, turned from the usual."""
        turn = anatomy.axes.T
        if degrees is not None:
            turn = Rotation.from_rotvec(degrees, degrees=True).as_matrix() @ turn
        return cls(anatomy, turn, 1.0, ras_mm - turn @ heart_mm)

    def place(self, ras_mm: np.ndarray) -> np.ndarray:
        """Points (N, 3) RAS mm in the heart's frame."""
        return (ras_mm - self.shift) @ self.turn / self.size

    def heading(self, directions: np.ndarray) -> np.ndarray:
        """Unit directions (N, 3), RAS, in the heart's frame."""
        return directions @ self.turn

    @property
    def surprise(self) -> float:
        """How unusual its orientation and size are, as half the squared deviations; 0 is the usual heart."""
        off = Rotation.from_matrix(self.turn @ self.anatomy.axes).as_rotvec() / _TURN
        return 0.5 * float(off @ off + (np.log(self.size) / _SIZE) ** 2)


def fit_heart(before: Heart, ras_mm: np.ndarray, heart_mm: np.ndarray, weight: np.ndarray) -> Heart:
    """The heart that brings pairs of points together, held near the usual orientation and size.

    Weighted Procrustes (Umeyama, IEEE TPAMI 1991) with six more pairs, on the axes through the points'
    middle, that stand for the usual heart; the pull of far pairs is limited (Huber).

    Args:
        ras_mm, heart_mm: (N, 3) the same places in both frames.
        weight: (N,) independent observations that a pair counts for.
    """
    off = np.linalg.norm(before.place(ras_mm) - heart_mm, axis=1)
    weight = weight * np.minimum(1.0, _FAR_MM / np.maximum(off, 1e-9))
    middle = [weight @ points / weight.sum() for points in (heart_mm, ras_mm)]
    # A pair beside the middle by d turns the heart by 1 / d for each mm; the deviation of a pair is 7 mm.
    axes = _PRIOR_MM * np.concatenate([np.eye(3), -np.eye(3)])
    hold = (7.0 / (_TURN * _PRIOR_MM)) ** 2 / 4.0
    source = np.concatenate([heart_mm - middle[0], axes])
    target = np.concatenate([ras_mm - middle[1], axes @ before.anatomy.axes])
    mass = np.concatenate([weight, np.full(6, hold)])
    u, spread, vt = np.linalg.svd((target * mass[:, None]).T @ source)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = (u * sign) @ vt
    size = float((spread * sign).sum() / (mass @ (source**2).sum(axis=1)))
    return replace(before, turn=turn, size=size, shift=middle[1] - size * turn @ middle[0])


@dataclass(frozen=True)
class Fit:
    """cost: (N, L) of each point under each of `LABELS`; nearest: (N, L) sample of the courses."""

    cost: np.ndarray
    nearest: np.ndarray


_TURNED = 1.5  # cost of a right angle to the course
_DEAREST = 6.0
_SCATTER, _RADIUS_WEIGHT = 0.4, 0.5  # of the logarithm of a radius; of its cost


@lru_cache
def _prices(ways: Courses) -> np.ndarray:
    """(8, K): what a point costs at each sample of the courses, by its square, place, direction and 1."""
    label_of = np.repeat(np.arange(len(LABELS)), np.diff([*ways.first, len(ways.points)]))
    spread = ways.spread_mm[label_of]
    free = 0.5 / spread**2
    fixed = (ways.points**2).sum(axis=1) * free + _TURNED + 3 * np.log(spread / 7.0)
    return np.vstack([free, -2 * free * ways.points.T, -_TURNED * ways.tangents.T, fixed])


def compare(
    heart: Heart, ways: Courses, points: np.ndarray, direction: np.ndarray, directed: np.ndarray,
    radius: np.ndarray,
) -> Fit:  # fmt: skip
    """How well points (N, 3) RAS mm fit the courses of a heart, by place, direction and calibre.

    direction: (N, 3) unit, along the vessel. directed: (N,) bool, whether its sign tells. radius: (N,) mm.
    """
    place, heading = heart.place(points), heart.heading(direction)
    seen = np.column_stack([(place**2).sum(axis=1), place, heading, np.ones(len(place))])
    # Not `@`: BLAS shares so small a product among threads, which takes twenty times as long as one.
    cost = np.einsum("nk,km->nm", seen, _prices(ways))
    either = np.flatnonzero(~directed)
    if len(either):
        turned = seen[either] * np.array([1, 1, 1, 1, -1, -1, -1, 1])
        cost[either] = np.minimum(cost[either], np.einsum("nk,km->nm", turned, _prices(ways)))
    count = len(LABELS)
    nearest = np.empty((len(points), count), int)
    least = np.empty((len(points), count))
    for number, (first, last) in enumerate(zip(ways.first, [*ways.first[1:], len(ways.points)])):
        nearest[:, number] = first + np.argmin(cost[:, first:last], axis=1)
        least[:, number] = cost[np.arange(len(points)), nearest[:, number]]
    off = (np.log(np.maximum(radius, 0.2) / heart.calibre)[:, None] - ways.radius[nearest]) / _SCATTER
    least = np.minimum(least, _DEAREST) + _RADIUS_WEIGHT * np.minimum(0.5 * off**2, 3.0)
    return Fit(least, nearest)
