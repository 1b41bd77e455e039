"""Signed distance fields on a coarse grid, and their interpolation to a scanner's grid.

A large organ is smooth, so its signed distance (mm, negative inside) sampled every few millimetres and
interpolated linearly still places its surface to a small part of a voxel. That is what makes a whole chest
cheap: each organ costs a few hundred thousand evaluations, whatever the size of the scan.

All arrays in this package are indexed (z, y, x), so that a scanner's slices are contiguous. Points are
(x, y, z).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import ndimage

__all__ = [
    "FAR", "Grid", "Upsampler", "cylinder", "ellipsoid", "half_space", "hat_matrix", "sample",
    "smooth_intersection", "smooth_noise", "smooth_union", "thick_path", "union", "without",
]  # fmt: skip

FAR = 1e3
"""Distance (mm) that stands for "nowhere near"."""


@dataclass(frozen=True)
class Grid:
    """A grid: the centre of voxel (0, 0, 0), the spacing (mm) and the counts, all as (x, y, z)."""

    origin: np.ndarray
    spacing: np.ndarray
    shape: tuple[int, int, int]

    def axis(self, i: int) -> np.ndarray:
        return self.origin[i] + self.spacing[i] * np.arange(self.shape[i])

    @property
    def zyx(self) -> tuple[int, int, int]:
        return self.shape[::-1]

    @property
    def far_corner(self) -> np.ndarray:
        return self.origin + self.spacing * (np.array(self.shape) - 1)

    def points(self) -> np.ndarray:
        """Coordinates of every voxel, (nz, ny, nx, 3) float32."""
        z, y, x = np.meshgrid(self.axis(2), self.axis(1), self.axis(0), indexing="ij")
        return np.stack([x, y, z], axis=-1).astype(np.float32)

    def coarse(self, step: float, margin: float) -> Grid:
        """A cubic grid of `step` mm that covers this one and `margin` mm around it."""
        low = self.origin - margin
        count = np.ceil((self.far_corner + margin - low) / step).astype(int) + 1
        return Grid(low, np.full(3, float(step)), tuple(int(n) for n in count))

    def index(self, points: np.ndarray) -> np.ndarray:
        """Fractional (x, y, z) indices of points (N, 3)."""
        return (points - self.origin) / self.spacing


def hat_matrix(coarse: Grid, fine: Grid, axis: int) -> np.ndarray:
    """Matrix (fine count, coarse count) of linear interpolation along one axis; float32."""
    at = (fine.axis(axis) - coarse.origin[axis]) / coarse.spacing[axis]
    at = np.clip(at, 0, coarse.shape[axis] - 1)
    nodes = np.arange(coarse.shape[axis])
    return np.maximum(0, 1 - np.abs(at[:, None] - nodes[None, :])).astype(np.float32)


class Upsampler:
    """Linear interpolation of coarse (z, y, x) arrays to boxes of a fine grid, as three matrix products."""

    def __init__(self, coarse: Grid, fine: Grid):
        self.coarse, self.fine = coarse, fine
        self.matrices = [hat_matrix(coarse, fine, axis) for axis in (2, 1, 0)]

    def box(self, sdf: np.ndarray, margin: float) -> tuple[slice, slice, slice] | None:
        """Slices (z, y, x) of the fine grid where the field can be below `margin`; None if nowhere."""
        inside = sdf < margin + float(self.coarse.spacing[0])
        box = []
        for axis, matrix in enumerate(self.matrices):
            other = tuple(i for i in range(3) if i != axis)
            reached = np.flatnonzero(matrix @ inside.any(axis=other).astype(np.float32) > 0)
            if not len(reached):
                return None
            box.append(slice(int(reached[0]), int(reached[-1]) + 1))
        return tuple(box)

    def __call__(self, field: np.ndarray, box: tuple[slice, slice, slice]) -> np.ndarray:
        """Values of `field` on the box, float32."""
        rows = [matrix[part] for matrix, part in zip(self.matrices, box)]
        spans = [_span(r) for r in rows]
        field = field[tuple(spans)]
        rz, ry, rx = (r[:, s] for r, s in zip(rows, spans))
        out = (rz @ field.reshape(len(field), -1)).reshape(len(rz), *field.shape[1:])
        return ry @ out @ rx.T


def _span(rows: np.ndarray) -> slice:
    used = np.flatnonzero(rows.any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1)


def sample(field: np.ndarray, grid: Grid, points: np.ndarray) -> np.ndarray:
    """Trilinear values of a coarse field at points (N, 3)."""
    at = grid.index(np.asarray(points, float))
    return ndimage.map_coordinates(field, at[:, ::-1].T, order=1, mode="nearest")


def smooth_noise(rng: np.random.Generator, grid: Grid, scale: float) -> np.ndarray:
    """Gaussian random field with standard deviation 1 and features of about `scale` mm, float32."""
    step = max(scale / 2, float(grid.spacing[0]))
    zoom = float(grid.spacing[0]) / step
    small = [int(np.ceil(n * zoom)) + 3 for n in grid.zyx]
    noise = ndimage.gaussian_filter(rng.standard_normal(small, dtype=np.float32), 1.0, mode="wrap")
    noise /= noise.std()
    nodes = Grid(np.zeros(3), np.full(3, 1.0), tuple(small[::-1]))
    fine = Grid(np.full(3, 0.5), np.full(3, zoom), grid.shape)
    return Upsampler(nodes, fine)(noise, tuple(slice(0, n) for n in grid.zyx))


# Shapes: points (..., 3) to signed distance (mm), negative inside.


def ellipsoid(points, centre, semi_axes, frame=None):
    """Signed distance to an ellipsoid, first order exact at its surface; `frame` rows are its axes."""
    q = points - np.asarray(centre, np.float32)
    if frame is not None:
        q = q @ np.asarray(frame, np.float32).T
    return _quadric(q, np.asarray(semi_axes, np.float32))


def cylinder(points, centre, semi_axes):
    """Signed distance to an elliptic cylinder along z; `centre` and `semi_axes` in x and y."""
    return _quadric(points[..., :2] - np.asarray(centre, np.float32), np.asarray(semi_axes, np.float32))


def _quadric(q, r):
    squares = np.square(q)
    k0 = np.sqrt(squares @ (1 / r**2)) + np.float32(1e-6)
    k1 = np.sqrt(squares @ (1 / r**4)) + np.float32(1e-6)
    return k0 * (k0 - 1) / k1


def half_space(points, origin, normal):
    """Negative on the side that `normal` points away from."""
    normal = np.asarray(normal, np.float32) / np.linalg.norm(normal)
    return points @ normal.astype(np.float32) - np.float32(origin @ normal)


def union(*fields):
    return reduce(np.minimum, fields)


def smooth_union(a, b, k):
    """Union whose crease is rounded over about k mm (polynomial smooth minimum)."""
    h = np.abs(a - b)
    np.subtract(k, h, out=h)
    np.maximum(h, 0, out=h)
    h *= h
    h *= 1 / (4 * k)
    return np.subtract(np.minimum(a, b), h, out=h)


def smooth_intersection(a, b, k):
    return -smooth_union(-a, -b, k)


def without(a, b):
    """a less b."""
    return np.maximum(a, -b)


def thick_path(grid: Grid, path, radii, reach=12.0, out=None):
    """Signed distance on a coarse grid to a tube of changing radius along a path of points (N, 3).

    Exact within `reach` mm of the tube and `FAR` beyond it. With `out`, the union with that field, in place.
    """
    path, radii = np.asarray(path, float), np.broadcast_to(np.asarray(radii, float), len(path))
    out = np.full(grid.zyx, FAR, np.float32) if out is None else out
    axes = [grid.axis(i) for i in range(3)]
    for p, q, rp, rq in zip(path[:-1], path[1:], radii[:-1], radii[1:]):
        pad = max(rp, rq) + reach
        box = [
            slice(*np.searchsorted(axes[i], [min(p[i], q[i]) - pad, max(p[i], q[i]) + pad])) for i in range(3)
        ]
        x, y, z = (axes[i][box[i]].astype(np.float32) for i in range(3))
        if not (len(x) and len(y) and len(z)):
            continue
        along = q - p
        length2 = max(float(along @ along), 1e-9)
        dx, dy, dz = x[None, None, :] - p[0], y[None, :, None] - p[1], z[:, None, None] - p[2]
        t = np.clip((dx * along[0] + dy * along[1] + dz * along[2]) / length2, 0, 1)
        d = np.sqrt((dx - t * along[0]) ** 2 + (dy - t * along[1]) ** 2 + (dz - t * along[2]) ** 2)
        d -= rp + t * (rq - rp)
        view = out[box[2], box[1], box[0]]
        np.minimum(view, d, out=view)
    return out
