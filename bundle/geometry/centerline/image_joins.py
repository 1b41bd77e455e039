"""Pieces of one vessel put together where the CT shows the vessel between them."""

from __future__ import annotations

import networkx as nx
import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from bundle.common.polylines import resample, smooth

from .image_ways import STEP_MM, ImageWay, farthest_mm, ways_from
from .piece_ends import PieceEnds, ends_of_pieces
from .skeleton import Skeleton

__all__ = ["join_along_image"]

_MEAN, _DIMMEST, _DIM_MM = 0.4, 0.2, 2.0  # likeness in the mean, and over any two millimetres
_SIDE_MEAN, _SIDE_DIMMEST, _SIDE_FACING, _SIDE_ALIKE = 0.6, 0.4, 0.8, 0.8
_DETOUR, _GRID_MM = 1.25, 0.5  # times the straight way, and what the steps of the grid add
_FACING = 0.6
_ALIKE, _SHORT_MM = 0.4, 6.0  # least ratio of calibres, of a way that is longer than this
_APART_MM = 0.8  # the left and the right tree come near each other with thinner ends only
_SIGMA = 1.5  # samples of 0.6 mm: takes the steps of the grid off a way


def join_along_image(skeleton: Skeleton, image: np.ndarray, affine: np.ndarray) -> None:
    """Link ends of the forest's pieces along what the CT shows of a vessel between them, cheapest first.

    A way from end to end (see `ways_from`) becomes part of the skeleton where

    - it looks like the vessel: 0.4 of it in the mean, 0.2 over any two millimetres;
    - it is at most a quarter longer than the straight one, and forty radii of the thinner end, 8 to 25 mm;
    - it leaves both ends in their own direction, but for a piece too short to have one;
    - both ends are about as wide, where it is longer than 6 mm.

    The widest end of a piece is linked to another vessel's side too, as a side branch begins there, over at
    most 8 mm, with 0.6 and 0.4 of likeness, to a vessel at least as wide.

    Two pieces that are whole trees by themselves are linked by wide ends only. Each end is linked once.

    Args:
        image: (X, Y, Z) HU on any grid. affine: (4, 4) voxel to RAS mm.
    """
    ends = ends_of_pieces(skeleton)
    if ends is None:
        return
    found = [way for tip in ends.tips for way in ways_from(skeleton, ends, tip, image, affine)]
    groups, used = DisjointSet(range(len(ends.whole))), set()
    whole = set(np.flatnonzero(ends.whole).tolist())
    for way in sorted((way for way in found if _fits(way, ends, skeleton)), key=lambda way: way.cost_mm):
        both = [int(ends.piece_of[node]) for node in (way.tip, way.other)]
        if groups.connected(*both) or way.tip in used or way.other in used:
            continue
        are_whole = all(groups.subset(piece) & whole for piece in both)
        if are_whole and (way.facing_back is None or ends.wide[[way.tip, way.other]].min() < _APART_MM):
            continue
        groups.merge(*both)
        used |= {way.tip} if way.facing_back is None else {way.tip, way.other}
        _add(skeleton, way)


def _fits(way: ImageWay, ends: PieceEnds, skeleton: Skeleton) -> bool:
    """Whether a way is one vessel with both of its ends, or the beginning of a side branch."""
    straight = float(np.linalg.norm(way.points[-1] - way.points[0]))
    if way.length_mm > _DETOUR * straight + _GRID_MM:
        return False
    mean, dimmest = float(way.likeness.mean()), _dimmest(way.likeness)
    if way.facing_back is None:
        wide = skeleton.radius[way.other] >= _SIDE_ALIKE * ends.wide[way.tip]
        return bool(way.facing >= _SIDE_FACING and wide and mean >= _SIDE_MEAN and dimmest >= _SIDE_DIMMEST)
    thinner, wider = sorted(ends.wide[[way.tip, way.other]])
    faces = [
        ends.is_stub(node) or facing >= _FACING
        for node, facing in ((way.tip, way.facing), (way.other, way.facing_back))
    ]
    return bool(
        all(faces)
        and way.length_mm <= farthest_mm(thinner)
        and (thinner >= _ALIKE * wider or way.length_mm <= _SHORT_MM)
        and mean >= _MEAN
        and dimmest >= _DIMMEST
    )


def _dimmest(likeness: np.ndarray) -> float:
    """The least mean of a way's likeness (N,) over three of its steps, two to three millimetres."""
    count = min(round(_DIM_MM / STEP_MM), len(likeness))
    return float(np.convolve(likeness, np.ones(count) / count, "valid").min())


def _add(skeleton: Skeleton, way: ImageWay) -> None:
    """Put a way between its tips into the skeleton."""
    points = resample(smooth(way.points, _SIGMA), STEP_MM)[1:-1]
    nodes = range(len(skeleton.points), len(skeleton.points) + len(points))
    radius = np.linspace(*skeleton.radius[[way.tip, way.other]], len(points) + 2)[1:-1]
    nx.add_path(skeleton.graph, [way.tip, *nodes, way.other])
    skeleton.points = np.concatenate([skeleton.points, points])
    skeleton.radius = np.append(skeleton.radius, radius)
