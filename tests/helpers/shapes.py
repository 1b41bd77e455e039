"""Solids whose volume, wall and centreline are known on paper, and scans of them on any grid."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_to_world


def grid_points(shape, affine):
    """World points (X*Y*Z, 3) of a grid's voxel centres."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    return voxel_to_world(index.reshape(-1, 3), affine)


def centred_affine(shape, axes):
    """An affine with these (3, 3) axes whose grid has its middle at the world's origin."""
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = -np.asarray(axes) @ (np.asarray(shape) - 1) / 2
    return affine


def rotation(angles_deg):
    """Rotation matrix about x, then y, then z."""
    a, b, c = np.radians(angles_deg)
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ ry @ rx


def ball(points, centre, radius):
    """Signed distance (positive inside) of points (N, 3) to a ball's surface."""
    return radius - np.linalg.norm(points - np.asarray(centre, float), axis=1)


def torus(points, ring_mm, radius, tilt_deg=(25.0, 10.0, 0.0)):
    """Signed distance to a torus, a tube of known radius and length 2 pi ring_mm.

    Tilted and off the grid's middle: a torus along the axes has the symmetry of the grid, and the count of
    its voxels is then off by some percent.
    """
    x, y, z = (points @ rotation(tilt_deg) + [0.13, 0.05, 0.02]).T
    return radius - np.hypot(np.hypot(x, y) - ring_mm, z)


def tube(points, path, radius):
    """Signed distance to a tube along `path` (M, 3), with `radius` (M,) or one number, round at the ends."""
    path = np.asarray(path, float)
    radius = np.broadcast_to(radius, len(path))
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    at = np.concatenate([[0], np.cumsum(steps)])
    fine = np.linspace(0, at[-1], max(2, int(at[-1] / 0.05)))
    centre = np.stack([np.interp(fine, at, path[:, k]) for k in range(3)], axis=1)
    distance, nearest = cKDTree(centre).query(points, distance_upper_bound=float(radius.max()) + 3.0)
    far = np.isinf(distance)
    inside = np.interp(fine, at, radius)[np.where(far, 0, nearest)] - np.where(far, 0, distance)
    return np.where(far, -3.0, inside)


def scan(shape, axes, solid, edge_mm=None):
    """(mask uint8, affine, probability) of `solid(points) -> signed distance` on a centred grid.

    The probability is a sigmoid of the signed distance over `edge_mm`.
    """
    affine = centred_affine(shape, axes)
    distance = solid(grid_points(shape, affine)).reshape(shape)
    probability = None
    if edge_mm:
        probability = (1 / (1 + np.exp(-np.clip(distance / edge_mm, -30, 30)))).astype(np.float32)
    return (distance >= 0).astype(np.uint8), affine, probability
