"""What the centreline tree tells about the points of a surface or a cloud."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.geometry.core import Tree

__all__ = ["values_from_tree"]


def values_from_tree(tree: Tree, points: np.ndarray) -> dict[str, np.ndarray]:
    """For points (N, 3) RAS mm on or in the lumen, (N,) arrays named with units.

    `radius_mm` of the vessel there, `branch_id` (index in `tree.branches`), `centerline_distance_mm`. A point
    belongs to that of the eight nearest centreline points in whose lumen it lies deepest, so that the wall of
    a thick vessel is not given to a thin one beside it.
    """
    line = np.concatenate([b.points for b in tree.branches])
    radius = np.concatenate([b.radius for b in tree.branches])
    branch = np.concatenate([np.full(len(b.points), i, np.int32) for i, b in enumerate(tree.branches)])
    distance, nearest = cKDTree(line).query(points, k=min(8, len(line)))
    distance, nearest = distance.reshape(len(points), -1), nearest.reshape(len(points), -1)
    best = np.argmin(distance - radius[nearest], axis=1)
    chosen = np.take_along_axis(nearest, best[:, None], axis=1)[:, 0]
    return {
        "radius_mm": radius[chosen],
        "branch_id": branch[chosen],
        "centerline_distance_mm": distance[:, 0],
    }
