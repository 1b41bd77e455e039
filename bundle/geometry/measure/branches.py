"""Lengths, diameters, volumes and taper of the branches, and what they tell about points of a surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from bundle.geometry.core import Branch, Tree

from .stenosis import Stenosis

__all__ = ["measure_branch", "measure_tree", "taper_mm_per_10mm", "values_from_tree", "volume_mm3"]

_PROXIMAL_MM = 10.0
_ENOUGH = 1 / 3  # of a branch's sections that are no gap


def _measured(branch: Branch) -> np.ndarray:
    """Which sections (N,) bool stand for a branch: those outside of bifurcations and gaps, or all but gaps.

    The latter where less than a third of them is free: a few sections beside the aorta's cut, or between two
    bifurcations, say less of a short vessel than all of it.
    """
    seen = ~branch.gap
    if not seen.any():
        return np.ones(len(seen), bool)
    return branch.free if branch.free.sum() >= _ENOUGH * seen.sum() else seen


def volume_mm3(branch: Branch) -> float:
    """Volume of the branch as a stack of truncated cones, mm3."""
    step, r = np.diff(branch.along_mm), branch.radius
    return float((np.pi / 3 * step * (r[:-1] ** 2 + r[:-1] * r[1:] + r[1:] ** 2)).sum())


def taper_mm_per_10mm(branch: Branch) -> float:
    """Loss of diameter over 10 mm: slope of a line through the diameters outside of bifurcations."""
    free = branch.free
    if free.sum() < 5 or np.ptp(branch.along_mm[free]) < 5.0:
        return float("nan")
    return float(-10.0 * np.polyfit(branch.along_mm[free], 2 * branch.radius[free], 1)[0])


def min_diameter_mm(branch: Branch, lesions: Sequence[Stenosis] = ()) -> float:
    """Least diameter of a branch: within its `lesions` theirs, elsewhere that of the cross-sections.

    A narrowing that cannot be judged counts neither way, unless the branch is nothing else.
    """
    along, measured = branch.along_mm, _measured(branch)
    elsewhere = measured
    for lesion in lesions:
        elsewhere = elsewhere & ~((lesion.start_mm <= along) & (along <= lesion.end_mm))
    least = [lesion.minimal_diameter_mm for lesion in lesions if lesion.assessable]
    least = [*least, *2 * branch.radius[elsewhere]]
    return float(min(least)) if least else float(2 * branch.radius[measured].min())


def measure_branch(branch: Branch, lesions: Sequence[Stenosis] = ()) -> dict:
    """One branch in numbers, units in the keys.

    Diameters are of the circle with the cross-section's area, outside of bifurcations and gaps (outside of
    gaps, where less than a third of it is left). `tortuosity` is length over the straight distance of both
    ends. `proximal_diameter_mm` is the median of the first 10 mm that are free, `min_diameter_mm` that of
    the branch's assessable `lesions` where one of them is the narrowest.
    """
    free = _measured(branch)
    diameter, along = 2 * branch.radius[free], branch.along_mm[free]
    chord = float(np.linalg.norm(branch.points[-1] - branch.points[0]))
    return {
        "name": branch.name,
        "name_confidence": branch.confidence,
        "tree": branch.tree,
        "parent": branch.parent,
        "length_mm": round(branch.length_mm, 2),
        "tortuosity": round(branch.length_mm / chord, 3) if chord > 0 else float("nan"),
        "mean_diameter_mm": round(float(diameter.mean()), 3),
        "min_diameter_mm": round(min_diameter_mm(branch, lesions), 3),
        "proximal_diameter_mm": round(float(np.median(diameter[along <= along[0] + _PROXIMAL_MM])), 3),
        "taper_mm_per_10mm": round(taper_mm_per_10mm(branch), 3),
        "volume_mm3": round(volume_mm3(branch), 2),
        "gap_mm": round(float(np.diff(branch.along_mm)[branch.gap[1:]].sum()), 2),
    }


def measure_tree(tree: Tree, lesions: Sequence[Stenosis] = ()) -> list[dict]:
    """`branch_id` and `measure_branch` of every branch, in order; `lesions` are those of `find_stenoses`.

    Example:
        >>> row, = measure_tree(tree)
        >>> row["min_diameter_mm"] < row["mean_diameter_mm"] < row["proximal_diameter_mm"]
        True
    """
    rows = []
    for number, branch in enumerate(tree.branches):
        own = [lesion for lesion in lesions if lesion.branch == number]
        rows.append({"branch_id": number} | measure_branch(branch, own))
    return rows


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
    values = {"radius_mm": radius[chosen], "branch_id": branch[chosen]}
    return values | {"centerline_distance_mm": distance[:, 0]}
