"""Curves on the heart: laid through a few landmarks, pressed onto the surface, made tortuous, resampled."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.interpolate import make_interp_spline

from bundle.common.polylines import arc_length, tangents
from bundle.phantom.anatomy import Chest
from bundle.phantom.core import fields as f

from .tubes import STEP

# Arc length and tangents are those of bundle.common.polylines. Its `resample` rounds the number of points
# where this one rounds up, and its `smooth` gives back what a bend loses: either would move every vessel of
# every seed, and the shipped weights and all measurements rest on these.
__all__ = ["Epicardium", "lay", "spline", "takeoff"]


class Epicardium:
    """The surface that vessels follow, in heart coordinates: z mm along the long axis, phi degrees around.

    phi is 0 over the right ventricle, about +90 at the anterior and -90 at the inferior interventricular
    groove, and 180 over the lateral wall of the left ventricle.
    """

    def __init__(self, chest: Chest):
        self.chest = chest
        self.field = chest.surface
        # d/dx, d/dy, d/dz of the (z, y, x) field
        self.slope = np.gradient(ndimage.gaussian_filter(self.field, 1.0), *chest.grid.spacing[::-1])[::-1]

    def swing(self, phi: float) -> np.ndarray:
        """By how much, mm and degrees (2,), the chest's courses lie beside their grooves."""
        turn = np.deg2rad(phi)
        return np.zeros(2) if self.chest.swing is None else [1, np.cos(turn), np.sin(turn)] @ self.chest.swing

    def place(self, z: float, phi: float) -> np.ndarray:
        """Scanner point above the epicardium at heart coordinates (z, phi)."""
        z, phi = np.array([z, phi]) + self.swing(phi)
        turn, rho = np.deg2rad(phi), 46 * np.sqrt(max(1 - (max(z, 0) / 104) ** 2, 0.02))
        return self.chest.to_scanner(self.chest.frame.at(z, 6 + rho * np.cos(turn), rho * np.sin(turn)))[0]

    def coordinates(self, point: np.ndarray) -> tuple[float, float]:
        """Heart coordinates (z, phi) of a scanner point."""
        chest, frame = self.chest, self.chest.frame
        q = chest.to_patient.apply((point - chest.offset) / chest.scale) - frame.at(0, 6, 0)
        found = np.array([q @ frame.a, np.rad2deg(np.arctan2(q @ frame.u, q @ frame.r))])
        z, phi = found - self.swing(found[1] - self.swing(found[1])[1])
        return float(z), float(phi)

    def normal(self, points: np.ndarray) -> np.ndarray:
        """Unit normals (N, 3) of the surface, outward."""
        n = np.stack([f.sample(g, self.chest.grid, points) for g in self.slope], -1)
        return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-6)

    def press(self, points: np.ndarray, height, fixed: int = 0, rounds: int = 12) -> np.ndarray:
        """Move points to `height` mm above the surface; the first `fixed` points stay."""
        points = points.copy()
        height = np.broadcast_to(height, len(points))
        for _ in range(rounds):
            gap = f.sample(self.field, self.chest.grid, points) - height
            move = np.clip(gap, -4, 4)[:, None] * self.normal(points)
            points[fixed:] -= 0.8 * move[fixed:]
        return points


def resample(points: np.ndarray) -> np.ndarray:
    """Points every `STEP` mm along a polyline, both ends kept."""
    s = arc_length(points)
    keep = np.concatenate([[True], np.diff(s) > 1e-6])
    at = np.linspace(0, s[-1], max(int(np.ceil(s[-1] / STEP)), 2) + 1)
    return np.stack([np.interp(at, s[keep], points[keep, i]) for i in range(3)], -1)


def smooth(points: np.ndarray, sigma_mm: float) -> np.ndarray:
    """Gaussian smoothing along the curve; the ends stay (odd reflection)."""
    pad = min(int(4 * sigma_mm / STEP) + 1, len(points) - 1)
    head = 2 * points[0] - points[pad:0:-1]
    tail = 2 * points[-1] - points[-2 : -pad - 2 : -1]
    line = ndimage.gaussian_filter1d(np.concatenate([head, points, tail]), sigma_mm / STEP, axis=0)
    return line[pad : pad + len(points)]


def spline(points: np.ndarray) -> np.ndarray:
    """A smooth curve through control points, resampled evenly."""
    points = np.asarray(points, float)
    s = arc_length(points)
    curve = make_interp_spline(s, points, k=min(3, len(points) - 1))
    return resample(curve(np.linspace(0, s[-1], max(int(s[-1] / STEP), 8))))


def takeoff(parent: np.ndarray, at: int, goal: np.ndarray, reach: float, angles: tuple[float, float]):
    """The first `reach` mm of a child: straight, towards `goal` as far as an angle in `angles` allows.

    Args:
        parent: (N, 3) points of the vessel that it leaves at point `at`.
        goal: (3,) where it will go.
        angles: smallest and largest angle (degrees) to the parent's onward direction.

    Returns:
        (3, 3) points, the first on the parent.
    """
    here = parent[at]
    onward = parent[min(at + 4, len(parent) - 1)] - parent[max(at - 6, 0)]
    onward = onward / np.linalg.norm(onward)
    away = goal - here
    side = away - (away @ onward) * onward
    side /= max(np.linalg.norm(side), 1e-9)
    angle = np.clip(np.arctan2(away @ side, away @ onward), *np.deg2rad(angles))
    heading = np.cos(angle) * onward + np.sin(angle) * side
    return here + reach * np.array([[0.0], [0.5], [1.0]]) * heading


def meander(rng: np.random.Generator, length: float, count: int, strength: float) -> np.ndarray:
    """Sideways displacement (mm) of a tortuous vessel: waves of 14 to 60 mm, zero at the start."""
    s = np.linspace(0, length, count)
    out = np.zeros(count)
    for _ in range(4):
        wave = rng.uniform(14, 60)
        out += rng.normal(0, 0.035) * wave * np.sin(2 * np.pi * s / wave + rng.uniform(0, 2 * np.pi))
    return strength * out * np.clip(s / 12, 0, 1)


def lay(rng, heart: Epicardium, controls, height, tortuosity: float, start=None) -> np.ndarray:
    """A vessel through heart coordinates [(z, phi), ...], `height` mm above the surface.

    `start` (N, 3) is its first piece, which stays where it is.
    """
    points = np.array([heart.place(z, phi) for z, phi in controls])
    points = heart.press(points, float(np.mean(height)), rounds=16)
    if start is not None:
        # A landmark beside the origin would bend the course back on itself.
        away = np.linalg.norm(points - start[-1], axis=1) > 15
        away[-1] = True
        points = np.vstack([start, points[away]])
    line = spline(points)
    height = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, np.size(height)), np.ravel(height))
    free = 0 if start is None else max(int(arc_length(start)[-1] / STEP), 6)
    # The first piece keeps its heading; what follows is let go over 5 mm.
    letting_go = np.clip((np.arange(len(line)) * STEP / 5) - free * STEP / 5, 0, 1)[:, None]
    loose = 1.0 if start is None else letting_go
    line = line + loose * (smooth(heart.press(line, height, fixed=free), 3.0) - line)
    normal = heart.normal(line)
    side = np.cross(normal, tangents(line))
    length = len(line) * STEP
    wave = [loose * meander(rng, length, len(line), s * tortuosity)[:, None] for s in (1, 0.3)]
    line = line + wave[0] * side + wave[1] * normal
    height = height + 0.5 * meander(rng, length, len(line), tortuosity)
    pressed = heart.press(line, height, fixed=free, rounds=4)
    return resample(smooth(line + loose * (pressed - line), 1.5))
