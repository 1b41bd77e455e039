"""Pieces of one vessel put together where the CT shows the vessel between them."""

from __future__ import annotations

import networkx as nx
import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from bundle.common.polylines import resample, smooth

from .image_ways import LEAST_REACH_MM, REACH_RADII, STEP_MM, ImageWay, ways_from
from .piece_ends import PieceEnds, ends_of_pieces
from .skeleton import Skeleton

__all__ = ["join_along_image"]

_MEAN, _DIMMEST, _DIM_MM = 0.4, 0.2, 2.0
_DETOUR = 1.25
_FACING = 0.6
_ALIKE, _SHORT_MM = 0.4, 6.0
_SIGMA = 1.5  # samples of 0.6 mm: takes the steps of the grid off a way


def join_along_image(skeleton: Skeleton, image: np.ndarray, affine: np.ndarray) -> None:
    """Link ends of the forest's pieces along what the CT shows of a vessel, the cheapest way first.

    The way from an end to another piece's (see `ways_from`) becomes part of the skeleton where it looks like
    the vessel throughout, is no detour, leaves both ends in their own direction, and both are about as wide.

    Args:
        image: (X, Y, Z) HU on any grid. affine: (4, 4) voxel to RAS mm.
    """
    ends = ends_of_pieces(skeleton)
    if ends is None:
        return
    found = [way for tip in ends.tips for way in ways_from(skeleton, ends, tip, image, affine)]
    groups, used = DisjointSet(range(len(ends.whole))), set()
    whole = {int(n) for n in np.flatnonzero(ends.whole)}
    for way in sorted((way for way in found if _fits(way, ends)), key=lambda way: way.cost_mm):
        first, second = (int(ends.piece_of[node]) for node in (way.tip, way.node))
        if groups.connected(first, second) or used & {way.tip, way.node}:
            continue
        if all(groups.subset(n) & whole for n in (first, second)):
            continue
        groups.merge(first, second)
        used |= {way.tip, way.node}
        _add(skeleton, way)


def _fits(way: ImageWay, ends: PieceEnds) -> bool:
    """Whether a way is one vessel with both of its ends."""
    if way.facing_back is None:
        return False
    for node, facing in ((way.tip, way.facing), (way.node, way.facing_back)):
        if facing < _FACING and not ends.is_stub(node):
            return False
    if way.length_mm > _DETOUR * np.linalg.norm(way.points[-1] - way.points[0]) + 0.5:
        return False
    thinner, wider = sorted(ends.wide[[way.tip, way.node]])
    if way.length_mm > max(REACH_RADII * thinner, LEAST_REACH_MM):
        return False
    if thinner < _ALIKE * wider and way.length_mm > _SHORT_MM:
        return False
    count = max(1, round(_DIM_MM / STEP_MM))
    running = np.convolve(way.likeness, np.ones(count) / count, "valid") if len(way.likeness) > count else ()
    return way.likeness.mean() >= _MEAN and min(running, default=1.0) >= _DIMMEST


def _add(skeleton: Skeleton, way: ImageWay) -> None:
    points = resample(smooth(way.points, _SIGMA), STEP_MM)[1:-1]
    nodes = np.arange(len(skeleton.points), len(skeleton.points) + len(points))
    radius = np.linspace(*skeleton.radius[[way.tip, way.node]], len(points) + 2)[1:-1]
    nx.add_path(skeleton.graph, [way.tip, *nodes.tolist(), way.node])
    skeleton.points = np.concatenate([skeleton.points, points])
    skeleton.radius = np.append(skeleton.radius, radius)
