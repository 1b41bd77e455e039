"""Which triangles of a mesh cut through each other."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["crossing_faces"]


def crossing_faces(points: np.ndarray, faces: np.ndarray, suspects: np.ndarray) -> np.ndarray:
    """The suspects that cut through any other triangle of the mesh.

    Triangles with a common vertex are neighbours and do not count, nor do triangles that lie in one plane.

    Args:
        points: (N, 3) mm. faces: (M, 3). suspects: (K,) numbers of the faces to look at.

    Returns:
        their numbers, sorted.
    """
    a, b = _close_pairs(points, faces, np.asarray(suspects, int))
    apart = ~(faces[a][:, :, None] == faces[b][:, None]).any(axis=(1, 2))
    a, b = a[apart], b[apart]
    first, second = points[faces[a]], points[faces[b]]
    pierced = _edges_pierce(first, second) | _edges_pierce(second, first)
    return np.intersect1d(np.concatenate([a[pierced], b[pierced]]), suspects)


def _close_pairs(points, faces, suspects) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a suspect and any other face whose boxes overlap, (P,) and (P,)."""
    corners = points[faces]
    low, high = corners.min(axis=1), corners.max(axis=1)
    if len(suspects) == 0:
        return suspects, suspects
    inside = (low <= high[suspects].max(axis=0)).all(axis=1) & (high >= low[suspects].min(axis=0)).all(axis=1)
    others = np.flatnonzero(inside)
    middle, reach = corners.mean(axis=1), np.linalg.norm(high - low, axis=1)
    # Each with its own reach: one long triangle must not make all of them neighbours.
    a, b = [], []
    size = np.ceil(np.log2(np.maximum(reach[suspects], 1e-6)))
    for power in np.unique(size):
        own = suspects[size == power]
        near = cKDTree(middle[own]).query_ball_point(middle[others], 0.67 * (2.0**power + reach[others]))
        a.append(own[np.fromiter((i for n in near for i in n), int)])
        b.append(np.repeat(others, [len(n) for n in near]))
    a, b = np.concatenate(a), np.concatenate(b)
    overlap = ((low[a] <= high[b]) & (low[b] <= high[a])).all(axis=1) & (a != b)
    return a[overlap], b[overlap]


def _edges_pierce(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether an edge of each first triangle (P, 3, 3) passes through the second one (P, 3, 3), (P,) bool.

    Moeller and Trumbore, J. Graphics Tools 1997, with the edges as rays of their own length.
    """
    found = np.zeros(len(first), bool)
    u, v = second[:, 1] - second[:, 0], second[:, 2] - second[:, 0]
    for side in range(3):
        start, way = first[:, side], first[:, (side + 1) % 3] - first[:, side]
        p = np.cross(way, v)
        scale = np.einsum("ij,ij->i", u, p)
        skew = np.abs(scale) > 1e-12
        inverse = 1.0 / np.where(skew, scale, 1.0)
        offset = start - second[:, 0]
        first_weight = np.einsum("ij,ij->i", offset, p) * inverse
        q = np.cross(offset, u)
        second_weight = np.einsum("ij,ij->i", way, q) * inverse
        along = np.einsum("ij,ij->i", v, q) * inverse
        in_triangle = (first_weight >= 0) & (second_weight >= 0) & (first_weight + second_weight <= 1)
        found |= skew & in_triangle & (along >= 0) & (along <= 1)
    return found
