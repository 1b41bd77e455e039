"""What is true about a phantom's vessels: the tree in the world, with the lesions that the scan shows."""

from __future__ import annotations

import numpy as np

from bundle.common.polylines import arc_length
from bundle.phantom.anatomy import Chest
from bundle.phantom.core import Grid, sample
from bundle.phantom.scanner import Protocol, move_points
from bundle.phantom.vessels import STEP, Coronaries

__all__ = ["tree_in_world"]


def tree_in_world(
    tree: Coronaries, chest: Chest, grid: Grid, protocol: Protocol, rotation: np.ndarray, shift: np.ndarray
) -> dict:
    """The vessels as they are in the scan, ready for JSON; they end where they leave it.

    Args:
        tree: in scanner coordinates, as it was drawn.
        chest: whose aorta the trees begin at.
        grid: of the scan.
        protocol: whose slabs move the vessels.
        rotation: (3, 3), and ``shift`` (3,) mm: from scanner coordinates to RAS mm.

    Returns:
        `Phantom.tree`.
    """
    low, high = grid.origin - grid.spacing / 2, grid.far_corner + grid.spacing / 2
    branches = []
    for branch in tree.branches:
        # A tree begins where it leaves the aorta.
        begin = int(np.argmax(sample(chest.aorta, chest.grid, branch.points) > 0)) if not branch.parent else 0
        points = move_points(branch.points, protocol.slab_steps)
        inside = ((points >= low) & (points <= high)).all(axis=1)
        shown = begin + np.flatnonzero(inside[begin:])
        branches.append(
            {
                "name": branch.name,
                "parent": branch.parent,
                "points_ras_mm": points[shown] @ rotation.T + shift,
                "radius_mm": branch.radius[shown],
                "reference_radius_mm": branch.reference[shown],
                "complete": bool(inside[begin:].all()),
                "lesions": _shown_lesions(branch.lesions, points, shown),
            }
        )
    return {"dominance": tree.dominance, "branches": branches}


def _shown_lesions(lesions: list[dict], points: np.ndarray, shown: np.ndarray) -> list[dict]:
    """Lesions whose narrowest place is among the points that are `shown`, with distances along those."""
    kept, along = [], arc_length(points[shown])
    for lesion in lesions:
        start, at = (round(lesion[key] / STEP) for key in ("start_mm", "at_mm"))
        if at in shown:
            first, place = (min(int(i), len(shown) - 1) for i in np.searchsorted(shown, (start, at)))
            kept.append({**lesion, "start_mm": float(along[first]), "at_mm": float(along[place])})
    return kept
