"""Pieces of one vessel put together again over short interruptions of the mask."""

from __future__ import annotations

import numpy as np

from bundle.common.time_limit import check_time

from .piece_ends import PieceEnds, ends_of_pieces
from .skeleton import Skeleton

__all__ = ["bridge_gaps"]

_TIP_TO_TIP_COS = 0.6
# Longer gaps than `max_gap_mm` are bridged where the vessel is wide, both ends are alike and point at each
# other. Radii as the voxels show them, a third of a millimetre too small.
_RADII, _LONGEST_MM = 13.0, 20.0
_LONG_COS, _LONG_ALIKE = 0.85, 0.65
_ALIKE, _SHORT_MM = 0.5, 3.0  # least ratio of calibres, over a gap that is longer than this
_TIP_TO_SIDE_COS = 0.8
_TIP_TO_SIDE_MM = 3.0


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
    ends = ends_of_pieces(skeleton)
    best, cost = None, np.inf
    for tip in () if ends is None else ends.tips:
        reach_mm = max(max_gap_mm, min(_RADII * ends.wide[tip], _LONGEST_MM))
        others = ends.others_within(skeleton.points[tip], tip, reach_mm + 6.0)
        others = others[~(ends.whole[ends.piece_of[others]] & ends.whole[ends.piece_of[tip]])]
        if len(others) == 0:
            continue
        price = _prices(skeleton, ends, tip, others, max_gap_mm)
        if price.min() < cost:
            best, cost = (tip, int(others[np.argmin(price)])), float(price.min())
    return best


def _prices(
    skeleton: Skeleton, ends: PieceEnds, tip: int, others: np.ndarray, max_gap_mm: float
) -> np.ndarray:
    """Price (N,) of links from a tip to nodes (N,): less for short and straight ones, infinite for none."""
    way = skeleton.points[others] - skeleton.points[tip]
    distance = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
    gap = np.maximum(distance - skeleton.radius[tip] - skeleton.radius[others], 0.0)
    facing = way @ ends.direction[tip] / distance
    facing_back = -(way * ends.direction[others]).sum(axis=1) / distance
    both = np.minimum(facing, facing_back)
    thinner = np.minimum(ends.wide[tip], ends.wide[others])
    alike = thinner / np.maximum(np.maximum(ends.wide[tip], ends.wide[others]), 1e-9)
    near = (both > _TIP_TO_TIP_COS) & (gap <= max_gap_mm) & ((alike > _ALIKE) | (gap <= _SHORT_MM))
    far = (both > _LONG_COS) & (gap <= np.minimum(_RADII * thinner, _LONGEST_MM)) & (alike > _LONG_ALIKE)
    to_side = (facing > _TIP_TO_SIDE_COS) & (gap <= _TIP_TO_SIDE_MM)
    return np.where(np.where(ends.is_tip(others), near | far, to_side), gap * (2.0 - facing), np.inf)
