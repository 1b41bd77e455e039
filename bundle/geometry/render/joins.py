"""Where a tree was joined over a gap of the mask, as dashes: there is no wall to draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyvista as pv

from bundle.common.polylines import arc_length, at_length
from bundle.geometry.core import Branch

__all__ = ["COLOUR", "dashed_joins"]

COLOUR = (196, 202, 212)
_DASH_MM, _PERIOD_MM = 1.1, 1.9
_THICK = 0.5  # of the vessel's radius beside the gap
_THINNEST_MM = 0.2


def dashed_joins(branches: Sequence[Branch]) -> pv.PolyData | None:
    """Dashes (RAS mm) along all stretches that are marked as gaps; None where there are none."""
    dashes = []
    for branch in branches:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], branch.gap.astype(int), [0]])))
        for first, end in edges.reshape(-1, 2):
            run = slice(max(first - 1, 0), end + 1)
            thick = max(_THICK * float(np.median(branch.radius[run])), _THINNEST_MM)
            dashes += [_tube(line, thick) for line in _dashes(branch.points[run])]
    return pv.merge(dashes) if dashes else None


def _dashes(points: np.ndarray) -> list[np.ndarray]:
    """Pieces of a polyline (N, 3), each `_DASH_MM` long, one at either end."""
    length = float(arc_length(points)[-1])
    if length <= _DASH_MM:
        return [points[[0, -1]]] if length > 0 else []
    starts = np.linspace(0, length - _DASH_MM, max(round((length - _DASH_MM) / _PERIOD_MM), 1) + 1)
    at = starts[:, None] + np.linspace(0, _DASH_MM, 4)
    return [at_length(points, points, where) for where in at]


def _tube(line: np.ndarray, radius: float) -> pv.PolyData:
    return pv.lines_from_points(line).tube(radius=radius, n_sides=12, capping=True)
