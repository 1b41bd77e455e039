"""Vessels at sub-voxel precision: the part of every voxel that a set of tapering tubes fills.

Only voxels near a tube are stored. Each holds a fixed pattern of sample points with the signed distance to
the nearest tube surface; the filled part is the mean over the samples, so a vessel thinner than a voxel still
raises its attenuation by the right amount.
"""

from __future__ import annotations

import numpy as np

from bundle.phantom.fields import Grid

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
        self.row_of = np.full(int(np.prod(grid.shape)), -1, np.int32).reshape(grid.zyx)
        offsets = [((np.arange(n) + 0.5) / n - 0.5) * s for n, s in zip(supersample, grid.spacing)]
        z, y, x = np.meshgrid(offsets[2], offsets[1], offsets[0], indexing="ij")
        self.offsets = np.stack([x.ravel(), y.ravel(), z.ravel()]).astype(np.float32)
        self.share = np.full(self.offsets.shape[1], 1 / self.offsets.shape[1], np.float32)
        self.edge = float(np.prod(grid.spacing / supersample) ** (1 / 3))
        self.distance = np.empty((0, self.offsets.shape[1]), np.float32)
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
        points = np.asarray(points, float)
        radius = np.asarray(radius, float)
        # The ramp of `coverage` adds edge^2 / 12 to a round section's squared radius: take it off first.
        radius = np.sqrt(np.maximum(radius**2 - self.edge**2 / 12, (0.4 * radius) ** 2))
        columns = [np.broadcast_to(np.asarray(c, float), len(points)) for c in (radius, value)]
        nodes = np.column_stack([points, *columns])
        # Segments much shorter than a voxel add work and no precision.
        stride = max(1, int(0.8 * self.grid.spacing.mean() / STEP))
        chosen = np.unique(np.append(np.arange(0, len(nodes), stride), len(nodes) - 1))
        if len(points) > 2 and np.linalg.norm(points[1] - points[0]) < 1.5 * STEP:
            nodes = nodes[chosen]
        start, end = nodes[:-1], nodes[1:]
        reach = np.maximum(start[:, 3], end[:, 3]) + self.edge + np.linalg.norm(self.grid.spacing) / 2
        first = self.grid.index(np.minimum(start[:, :3], end[:, :3]) - reach[:, None])
        last = self.grid.index(np.maximum(start[:, :3], end[:, :3]) + reach[:, None])
        low = np.maximum(np.floor(first).astype(int), 0)
        high = np.minimum(np.ceil(last).astype(int) + 1, self.grid.shape)
        kept = (high > low).all(axis=1)
        return start[kept], end[kept], low[kept], high[kept]

    def _allocate(self, low, high) -> None:
        flags = np.zeros(self.row_of.shape, bool)
        for a, b in zip(low, high):
            flags[a[2] : b[2], a[1] : b[1], a[0] : b[0]] = True
        fresh = np.flatnonzero(flags.ravel() & (self.row_of.ravel() < 0))
        self.row_of.ravel()[fresh] = len(self.voxels) + np.arange(len(fresh), dtype=np.int32)
        self.voxels = np.concatenate([self.voxels, fresh])
        grow = len(fresh)
        self.distance = np.concatenate(
            [self.distance, np.full((grow, self.distance.shape[1]), 99, np.float32)]
        )
        self.value = np.concatenate([self.value, np.zeros(grow, np.float32)])
        self.nearest = np.concatenate([self.nearest, np.full(grow, 99, np.float32)])

    def _segment(self, start, end, low, high) -> None:
        p, q = start[:3], end[:3]
        rp, rq, vp, vq = np.float32([start[3], end[3], start[4], end[4]])
        rows = self.row_of[low[2] : high[2], low[1] : high[1], low[0] : high[0]].ravel()
        origin = self.grid.origin + low * self.grid.spacing - p
        nx, ny, nz = high - low
        dx = (origin[0] + self.grid.spacing[0] * np.arange(nx)).astype(np.float32)
        dy = (origin[1] + self.grid.spacing[1] * np.arange(ny)).astype(np.float32)
        dz = (origin[2] + self.grid.spacing[2] * np.arange(nz)).astype(np.float32)
        centre = np.empty((nz, ny, nx, 3), np.float32)
        centre[..., 0], centre[..., 1], centre[..., 2] = dx, dy[:, None], dz[:, None, None]
        centre = centre.reshape(-1, 3)
        along = (q - p).astype(np.float32)
        length2 = np.float32(max(float(along @ along), 1e-9))
        # |w + o - t along|^2 from products of the voxel centre w and the sample offset o, without an array
        # of (rows, samples, 3).
        t = (centre @ along)[:, None] + (along @ self.offsets)[None, :]
        square = (centre * centre).sum(1)[:, None] + (self.offsets**2).sum(0)[None, :]
        square = square + 2 * (centre @ self.offsets)
        u = np.clip(t / length2, 0, 1)
        square += u * (u * length2 - 2 * t)
        distance = np.sqrt(np.maximum(square, 0)) - (rp + u * (rq - rp))
        self.distance[rows] = np.minimum(self.distance[rows], distance)
        middle = distance @ self.share
        closer = middle < self.nearest[rows]
        rows = rows[closer]
        self.nearest[rows] = middle[closer]
        self.value[rows] = vp + (u[closer] @ self.share) * (vq - vp)

    def coverage(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(flat voxel indices, filled part in [0, 1], value) of the voxels that any tube touches."""
        filled = np.clip(0.5 - self.distance / self.edge, 0, 1).mean(axis=1)
        used = filled > 0
        return self.voxels[used], filled[used], self.value[used]
