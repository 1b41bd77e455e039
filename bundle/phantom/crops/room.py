"""Chambers that give way to coronary arteries."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.phantom.anatomy import Chest
from bundle.phantom.vessels import Coronaries

POOLS = (
    "right ventricle",
    "right atrium",
    "superior vena cava",
    "pulmonary arteries",
    "left atrium",
    "left ventricle",
)
"""Organs that are blood, but for the aorta, in which the arteries begin."""

BETWEEN_MM = 1.0
"""Of tissue between an artery's wall and the blood of a chamber; less where the coarse grid rounds it."""

_REACH_MM = 5.0  # beyond, where a changed distance has no effect on the blood's border


def make_room(chest: Chest, tree: Coronaries) -> None:
    """Take the chambers' blood away around the arteries, in place: none runs through it.

    Paths that are drawn on the smooth surface of a heart cut corners: in a third of the patients some
    millimetres of the right coronary artery come to lie in the right atrium, and ends of septal branches in a
    ventricle. Hardly any artery runs so, and where the blood is as bright nobody could see it. The chamber is
    indented, as an atrium is by the groove, and its wall is what then shows. The tree must have its disease,
    with which the outer wall comes.
    """
    points = np.concatenate([branch.points for branch in tree.branches])
    needed = np.concatenate([branch.outer for branch in tree.branches]) + BETWEEN_MM
    arteries, grid = cKDTree(points), chest.grid
    reach = float(needed.max()) + _REACH_MM
    low = np.floor((points.min(0) - reach - grid.origin) / grid.spacing).astype(int)
    high = np.ceil((points.max(0) + reach - grid.origin) / grid.spacing).astype(int) + 1
    box = tuple(slice(max(first, 0), last) for first, last in zip(low[::-1], high[::-1]))
    for organ in chest.organs:
        if organ.name not in POOLS:
            continue
        sdf = organ.sdf[box]
        inner = np.argwhere(sdf < reach)
        at = grid.origin + (inner + [part.start for part in box])[:, ::-1] * grid.spacing
        apart, nearest = arteries.query(at, distance_upper_bound=reach)
        close = np.isfinite(apart)
        free = np.full(len(at), -np.inf)
        free[close] = needed[nearest[close]] - apart[close]
        organ.sdf = organ.sdf.copy()
        organ.sdf[box][tuple(inner.T)] = np.maximum(sdf[tuple(inner.T)], free)
