"""Vessels at sub-voxel precision: the part of every voxel that a set of tapering tubes fills.

Only voxels near a tube are stored. Each holds a fixed pattern of sample points with the signed distance to
the nearest tube surface; the filled part is the mean over the samples, so a vessel thinner than a voxel still
raises its attenuation by the right amount.
"""

from __future__ import annotations

import numpy as np

from bundle.phantom.core import Grid

__all__ = ["STEP", "TubeRaster"]

STEP = 0.5
"""Distance (mm) between the points of a finely sampled centreline."""


class TubeRaster:
    """Collects tapering segments on a grid.

    Args:
        grid: where to render.
        supersample: sample points a voxel along x, y, z.
    """

    def __init__(self, grid: Grid, supersample: tuple[int, int, int] = (1, 1, 1)):
        self.grid = grid
        self.row_of = np.full(grid.zyx, -1, np.int32)
        self.supersample = supersample
        self.axis_offsets = [((np.arange(n) + 0.5) / n - 0.5) * s for n, s in zip(supersample, grid.spacing)]
        samples = int(np.prod(supersample))
        self.weight = np.full(samples, 1 / samples, np.float32)
        self.edge = float(np.prod(grid.spacing / supersample) ** (1 / 3))
        self.distance = np.empty((0, samples), np.float32)
        self.value = np.empty(0, np.float32)
        self.nearest = np.empty(0, np.float32)
        self.voxels = np.empty(0, np.int64)

    def add(self, tubes) -> None:
        """Add tubes: (points (N, 3) mm, radius, value such as HU), the last two a number or one a point."""
        parts = [self._boxes(*tube) for tube in tubes]
        if not parts:
            return
        start, end, low, high = (np.concatenate(x) for x in zip(*parts))
        self._allocate(low, high)
        for i in range(len(start)):
            self._segment(start[i], end[i], low[i], high[i])

    def _boxes(self, points, radius, value):
        """Segments as rows (x, y, z, radius, value) at both ends, with their boxes of voxels (x, y, z)."""
        points, radius = np.asarray(points, float), np.asarray(radius, float)
        # The ramp of `coverage` adds edge^2 / 12 to a round section's squared radius: take it off first.
        radius = np.sqrt(np.maximum(radius**2 - self.edge**2 / 12, (0.4 * radius) ** 2))
        nodes = np.column_stack([points, *(np.broadcast_to(c, len(points)) for c in (radius, value))])
        # Segments much shorter than a voxel add work and no precision.
        if len(points) > 2 and np.linalg.norm(points[1] - points[0]) < 1.5 * STEP:
            stride = max(1, int(0.8 * self.grid.spacing.mean() / STEP))
            nodes = nodes[np.unique(np.append(np.arange(0, len(nodes), stride), len(nodes) - 1))]
        start, end = nodes[:-1], nodes[1:]
        reach = np.maximum(start[:, 3], end[:, 3]) + self.edge + np.linalg.norm(self.grid.spacing) / 2
        first = self.grid.index(np.minimum(start[:, :3], end[:, :3]) - reach[:, None])
        last = self.grid.index(np.maximum(start[:, :3], end[:, :3]) + reach[:, None])
        low = np.maximum(np.floor(first).astype(int), 0)
        high = np.minimum(np.ceil(last).astype(int) + 1, self.grid.shape)
        kept = (high > low).all(axis=1)
        return start[kept], end[kept], low[kept], high[kept]

    def _allocate(self, low, high) -> None:
        touched = np.zeros(self.row_of.shape, bool)
        for a, b in zip(low, high):
            touched[a[2] : b[2], a[1] : b[1], a[0] : b[0]] = True
        fresh = np.flatnonzero(touched.ravel() & (self.row_of.ravel() < 0))
        self.row_of.ravel()[fresh] = len(self.voxels) + np.arange(len(fresh), dtype=np.int32)
        self.voxels = np.concatenate([self.voxels, fresh])
        far = np.full((len(fresh), len(self.weight)), 99, np.float32)
        self.distance = np.concatenate([self.distance, far])
        self.nearest = np.concatenate([self.nearest, far[:, 0]])
        self.value = np.concatenate([self.value, np.zeros(len(fresh), np.float32)])

    def _segment(self, start, end, low, high) -> None:
        p, q = start[:3], end[:3]
        rp, rq, vp, vq = np.float32([start[3], end[3], start[4], end[4]])
        count = high - low
        rows = self.row_of[low[2] : high[2], low[1] : high[1], low[0] : high[0]].ravel()
        # The samples of a box are a regular grid themselves: squares and products are sums over its axes.
        along = (q - p).astype(np.float32)
        length2 = np.float32(max(float(along @ along), 1e-9))
        x, y, z = (
            (self.grid.origin[i] - p[i] + self.grid.spacing[i] * np.arange(low[i], high[i]))[:, None]
            + self.axis_offsets[i]
            for i in range(3)
        )
        x, y, z = (np.asarray(a, np.float32).ravel() for a in (x, y, z))
        square = (z * z)[:, None, None] + ((y * y)[:, None] + x * x)
        t = (along[2] * z)[:, None, None] + ((along[1] * y)[:, None] + along[0] * x)
        u = np.clip(t / length2, 0, 1)
        t *= -2
        t += u * length2
        t *= u
        square += t
        np.maximum(square, 0, out=square)
        np.sqrt(square, out=square)
        square -= rp
        square -= u * (rq - rp)
        distance, u = self._by_voxel(square, count), self._by_voxel(u, count)
        self.distance[rows] = np.minimum(self.distance[rows], distance)
        middle = distance @ self.weight
        closer = middle < self.nearest[rows]
        rows = rows[closer]
        self.nearest[rows] = middle[closer]
        self.value[rows] = vp + (u[closer] @ self.weight) * (vq - vp)

    def _by_voxel(self, samples, count) -> np.ndarray:
        """Samples of a box (z, y, x) as (voxels, samples a voxel)."""
        sx, sy, sz = self.supersample
        parts = samples.reshape(count[2], sz, count[1], sy, count[0], sx).transpose(0, 2, 4, 1, 3, 5)
        return parts.reshape(-1, sx * sy * sz)

    def coverage(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(flat voxel indices, filled part in [0, 1], value) of the voxels that any tube touches."""
        filled = np.clip(0.5 - self.distance / self.edge, 0, 1).mean(axis=1)
        used = filled > 0
        return self.voxels[used], filled[used], self.value[used]
