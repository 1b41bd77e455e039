"""Lengths, diameters, volumes and taper of the branches."""

from __future__ import annotations

import numpy as np

from bundle.geometry.core import Branch, Tree

__all__ = ["measure_branch", "measure_tree", "taper_mm_per_10mm", "volume_mm3"]

_PROXIMAL_MM = 10.0


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


def measure_branch(branch: Branch) -> dict:
    """One branch in numbers, units in the keys.

    Diameters are of the circle with the cross-section's area, outside of bifurcations and gaps (everywhere,
    if nothing is left). `tortuosity` is length over the straight distance of both ends.
    `proximal_diameter_mm` is the median of the first 10 mm that are free.
    """
    free = branch.free
    free = free if free.any() else np.ones(len(free), bool)
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
        "min_diameter_mm": round(float(diameter.min()), 3),
        "proximal_diameter_mm": round(float(np.median(diameter[along <= along[0] + _PROXIMAL_MM])), 3),
        "taper_mm_per_10mm": round(taper_mm_per_10mm(branch), 3),
        "volume_mm3": round(volume_mm3(branch), 2),
        "gap_mm": round(float(np.diff(branch.along_mm)[branch.gap[1:]].sum()), 2),
    }


def measure_tree(tree: Tree) -> list[dict]:
    """`measure_branch` of every branch, in order.

    Example:
        >>> row, = measure_tree(tree)
        >>> row["min_diameter_mm"] < row["mean_diameter_mm"] < row["proximal_diameter_mm"]
        True
    """
    return [measure_branch(branch) for branch in tree.branches]
