"""Pieces of one vessel put together again over short interruptions of the mask."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.common.polylines import arc_length
from bundle.common.time_limit import check_time

from .chains import end_radius
from .skeleton import Skeleton

__all__ = ["bridge_gaps", "outwards"]

_TIP_TO_TIP_COS = 0.6
# Longer gaps than `max_gap_mm` are bridged where the vessel is wide, both ends are alike and point at each
# other. Radii as the voxels show them, a third of a millimetre too small.
_RADII, _LONGEST_MM = 13.0, 20.0
_LONG_COS, _LONG_ALIKE = 0.85, 0.65
_ALIKE, _SHORT_MM = 0.5, 3.0  # least ratio of calibres, over a gap that is longer than this
_TIP_TO_SIDE_COS = 0.8
_TIP_TO_SIDE_MM = 3.0


def outwards(skeleton: Skeleton, tip: int) -> np.ndarray:
    """Unit direction in which a vessel leaves through its tip, over the last 4 mm."""
    path = skeleton.from_tip(tip)
    along = arc_length(skeleton.points[path])
    back = path[int(np.searchsorted(along, min(4.0, along[-1])))]
    direction = skeleton.points[tip] - skeleton.points[back]
    return direction / max(np.linalg.norm(direction), 1e-9)


def bridge_gaps(skeleton: Skeleton, max_gap_mm: float) -> None:
    """Link pieces of the forest, shortest gap first.

    A piece is linked by one of its tips to a tip of another that faces it (up to `max_gap_mm` of empty
    space between them, or thirteen radii of the thinner end and 20 mm where both point at each other and are
    about as wide), or to another's side in line with it (up to 3 mm). Two trees that both have a long
    way and a wide end are a left and a right coronary tree: their tips may well face each other, and they
    stay apart.
    """
    while (link := _best_link(skeleton, max_gap_mm)) is not None:
        skeleton.graph.add_edge(*link)
        check_time()


def _best_link(skeleton: Skeleton, max_gap_mm: float) -> tuple[int, int] | None:
    pieces = skeleton.pieces()
    if len(pieces) < 2:
        return None
    nodes = np.sort(np.concatenate(pieces))
    piece_of = np.full(len(skeleton.points), -1)
    for number, piece in enumerate(pieces):
        piece_of[piece] = number
    tips = skeleton.tips()
    directions = np.zeros_like(skeleton.points)
    directions[tips] = [outwards(skeleton, tip) for tip in tips]
    whole = np.array([skeleton.length_mm(piece) > 80.0 for piece in pieces])
    for number in np.flatnonzero(whole):
        ends = [t for t in tips if piece_of[t] == number]
        whole[number] = max(end_radius(skeleton, t) for t in ends) > 1.2
    wide = np.zeros(len(skeleton.points))
    wide[tips] = [end_radius(skeleton, tip) for tip in tips]
    search = cKDTree(skeleton.points[nodes])
    best, cost = None, np.inf
    for tip in tips:
        reach_mm = max(max_gap_mm, min(_RADII * wide[tip], _LONGEST_MM))
        others = nodes[search.query_ball_point(skeleton.points[tip], reach_mm + 6.0)]
        others = others[piece_of[others] != piece_of[tip]]
        others = others[~(whole[piece_of[others]] & whole[piece_of[tip]])]
        if len(others) == 0:
            continue
        way = skeleton.points[others] - skeleton.points[tip]
        distance = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
        gap = np.maximum(distance - skeleton.radius[tip] - skeleton.radius[others], 0.0)
        facing = way @ directions[tip] / distance
        facing_back = -(way * directions[others]).sum(axis=1) / distance
        is_tip = directions[others].any(axis=1)
        both = np.minimum(facing, facing_back)
        thinner, wider = np.minimum(wide[tip], wide[others]), np.maximum(wide[tip], wide[others])
        alike = thinner / np.maximum(wider, 1e-9)
        near = (both > _TIP_TO_TIP_COS) & (gap <= max_gap_mm) & ((alike > _ALIKE) | (gap <= _SHORT_MM))
        far = (both > _LONG_COS) & (gap <= np.minimum(_RADII * thinner, _LONGEST_MM)) & (alike > _LONG_ALIKE)
        to_tip = near | far
        to_side = (facing > _TIP_TO_SIDE_COS) & (gap <= _TIP_TO_SIDE_MM)
        price = np.where(np.where(is_tip, to_tip, to_side), gap * (2.0 - facing), np.inf)
        if price.min() < cost:
            best, cost = (tip, int(others[np.argmin(price)])), float(price.min())
    return best
