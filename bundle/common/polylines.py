"""Curves in space: resampling, smoothing, tangents, frames that do not twist."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

__all__ = ["across", "arc_length", "at_length", "frames", "resample", "smooth", "tangents"]


def arc_length(points: np.ndarray) -> np.ndarray:
    """Distance along a polyline (N, 3) from its start, (N,)."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def at_length(points: np.ndarray, values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """`values` (N,) or (N, K) along the polyline, linearly at the distances `where` (M,)."""
    along = arc_length(points)
    if values.ndim == 1:
        return np.interp(where, along, values)
    return np.stack([np.interp(where, along, column) for column in values.T], axis=1)


def resample(points: np.ndarray, step_mm: float) -> np.ndarray:
    """Points `step_mm` apart (nearly, so that both ends stay) along the same polyline."""
    total = arc_length(points)[-1]
    count = max(2, round(total / step_mm) + 1)
    return at_length(points, points, np.linspace(0.0, total, count))


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing along the first axis (sigma in samples) that keeps ends and does not shrink bends.

    The ends are continued by point reflection. What the first pass took off is smoothed and given back
    (Tukey's twicing), which cancels the shrinkage of a bend to second order.
    """
    n = len(values)
    if n < 3 or sigma <= 0:
        return values
    pad = min(n - 1, int(np.ceil(4 * sigma)))

    def once(v):
        head = 2 * v[0] - v[pad:0:-1]
        tail = 2 * v[-1] - v[-2 : -pad - 2 : -1]
        longer = np.concatenate([head, v, tail])
        return gaussian_filter1d(longer, sigma, axis=0, mode="nearest")[pad : pad + n]

    first = once(values)
    return first + once(values - first)


def tangents(points: np.ndarray) -> np.ndarray:
    """Unit tangents (N, 3) by central differences."""
    step = np.gradient(points, axis=0) if len(points) > 1 else np.array([[0.0, 0.0, 1.0]])
    length = np.linalg.norm(step, axis=1, keepdims=True)
    return step / np.where(length > 0, length, 1.0)


def across(tangent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each unit tangent (N, 3) two unit vectors (N, 3) that span the plane across it."""
    helper = np.eye(3)[np.argmin(np.abs(tangent), axis=1)]
    u = np.cross(tangent, helper)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    return u, np.cross(tangent, u)


def frames(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tangents and two cross vectors (N, 3) that turn as little as possible along the curve.

    Rotation-minimising frames by double reflection (Wang et al., ACM TOG 2008).
    """
    tangent = tangents(points)
    u = np.empty_like(points)
    u[0] = across(tangent[:1])[0][0]
    for i in range(len(points) - 1):
        step = points[i + 1] - points[i]
        square = step @ step
        if square == 0:
            u[i + 1] = u[i]
            continue
        mirrored_u = u[i] - 2 / square * (step @ u[i]) * step
        mirrored_t = tangent[i] - 2 / square * (step @ tangent[i]) * step
        second = tangent[i + 1] - mirrored_t
        square = second @ second
        u[i + 1] = mirrored_u - (2 / square * (second @ mirrored_u) * second if square > 0 else 0)
    return tangent, u, np.cross(tangent, u)
