"""Solids on a coarse grid: how deep a point lies in a shape (mm, positive inside), and smooth noise.

Volumes are indexed (z, y, x), points are (x, y, z) in mm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline

__all__ = ["Lattice", "noise", "polyline", "sample", "solid", "sweep", "true_depth"]

FAR = -99.0


class Lattice(NamedTuple):
    """A grid of points: the first, the steps and the counts along x, y, z."""

    origin: np.ndarray
    step: np.ndarray
    shape: tuple[int, int, int]

    def axis(self, i: int) -> np.ndarray:
        return self.origin[i] + self.step[i] * np.arange(self.shape[i])

    @property
    def zyx(self) -> tuple[int, int, int]:
        return self.shape[::-1]

    def points(self) -> np.ndarray:
        """(Z, Y, X, 3) float32."""
        z, y, x = np.meshgrid(self.axis(2), self.axis(1), self.axis(0), indexing="ij")
        return np.stack([x, y, z], -1).astype(np.float32)


def noise(rng: np.random.Generator, at: Lattice, scale_mm: float) -> np.ndarray:
    """Smooth noise (Z, Y, X) of unit variance whose Gaussian has a sigma of `scale_mm`."""
    step = np.maximum(at.step, scale_mm / 3)
    counts = np.ceil(at.step * (np.array(at.shape) - 1) / step).astype(int) + 2
    rough = rng.standard_normal(counts[::-1], dtype=np.float32)
    rough = ndimage.gaussian_filter(rough, (scale_mm / step)[::-1], mode="wrap")
    rough /= rough.std() + 1e-9
    where = [at.step[i] * np.arange(at.shape[i]) / step[i] for i in (2, 1, 0)]
    for axis, place in enumerate(where):  # linear, axis by axis
        low = np.minimum(place.astype(int), rough.shape[axis] - 2)
        part = (place - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        rough = rough.take(low, axis) * (1 - part) + rough.take(low + 1, axis) * part
    return rough


def solid(points, centre, axes, power: float = 2.5, frame=None) -> np.ndarray:
    """Depth in a super-ellipsoid, along the ray from its centre.

    Args:
        points: (..., 3).
        axes: half lengths (mm) along the columns of `frame` (x, y, z without one).
        power: 2 is an ellipsoid, more is boxier.
    """
    away = points - np.asarray(centre, np.float32)
    squared = np.einsum("...k,...k->...", away, away)
    depth = np.full(squared.shape, FAR, np.float32)
    near = squared < (1.6 * max(axes) + 10) ** 2
    away, length = away[near], np.sqrt(squared[near])
    across = away if frame is None else away @ np.asarray(frame, np.float32)
    ratio = (np.abs(across) / np.asarray(axes, np.float32)) ** np.float32(power)
    ratio = ratio.sum(-1) ** np.float32(1 / power) + np.float32(1e-3)
    depth[near] = length * (1 / ratio - 1)
    return depth


def polyline(controls, step_mm: float = 0.4) -> np.ndarray:
    """Points every `step_mm` or so of a cubic spline through the controls (N, 3)."""
    controls = np.asarray(controls, float)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(controls, axis=0), axis=1) + 1e-6)])
    count = max(int(np.ceil(along[-1] / step_mm)), 2)
    return CubicSpline(along, controls)(np.linspace(0, along[-1], count + 1))


def sweep(at: Lattice, points, radius, margin: float = 4.0, out=None) -> np.ndarray:
    """Depth in the balls of `radius` (N,) around points (N, 3); `margin` mm around them are exact."""
    out = np.full(at.zyx, FAR, np.float32) if out is None else out
    x, y, z = (at.axis(i).astype(np.float32) for i in range(3))
    for point, r in zip(np.asarray(points, np.float32), np.broadcast_to(radius, len(points))):
        low = np.ceil((point - r - margin - at.origin) / at.step).astype(int)
        high = np.floor((point + r + margin - at.origin) / at.step).astype(int) + 1
        low, high = np.maximum(low, 0), np.minimum(high, at.shape)
        if (low >= high).any():
            continue
        i, j, k = (slice(a, b) for a, b in zip(low, high))
        away = (x[i] - point[0]) ** 2 + ((y[j] - point[1]) ** 2)[:, None]
        away = away + ((z[k] - point[2]) ** 2)[:, None, None]
        view = out[k, j, i]
        np.maximum(view, np.float32(r) - np.sqrt(away), out=view)
    return out


def true_depth(at: Lattice, depth: np.ndarray) -> np.ndarray:
    """Euclidean depth (mm) from any depth with the same zero."""
    inside = depth > 0
    step = at.step[::-1]
    exact = ndimage.distance_transform_edt(inside, step) - ndimage.distance_transform_edt(~inside, step)
    return ndimage.gaussian_filter(exact.astype(np.float32), 0.8)


def sample(volume: np.ndarray, at: Lattice, points) -> np.ndarray:
    """Linear interpolation of a volume at points (N, 3)."""
    place = (np.asarray(points) - at.origin) / at.step
    return ndimage.map_coordinates(volume, place.T[::-1], order=1, mode="nearest")
