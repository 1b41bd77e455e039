"""Pieces of one vessel put together again over short interruptions of the mask."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.geometry.graph import components, end_radius
from bundle.geometry.polyline import arc_length
from bundle.geometry.skeleton import Skeleton, walk

_TIP_TO_TIP_COS = 0.6
_TIP_TO_SIDE_COS = 0.8
_TIP_TO_SIDE_MM = 3.0


def _outwards(skeleton: Skeleton, tip: int) -> np.ndarray:
    """Unit direction in which a vessel leaves through its tip, over the last 4 mm."""
    path = walk(skeleton, tip, skeleton.neighbours[tip][0])
    along = arc_length(skeleton.points[path])
    back = path[int(np.searchsorted(along, min(4.0, along[-1])))]
    direction = skeleton.points[tip] - skeleton.points[back]
    return direction / max(np.linalg.norm(direction), 1e-9)


def _length(skeleton: Skeleton, members: list[int]) -> float:
    own = skeleton.points
    return sum(float(np.linalg.norm(own[a] - own[b])) for a in members for b in skeleton.neighbours[a]) / 2


def bridge_gaps(skeleton: Skeleton, max_gap_mm: float = 8.0) -> list[tuple[int, int]]:
    """Link pieces of the forest, shortest gap first, and return the links as pairs of nodes.

    A piece is linked by one of its tips to a tip of another that faces it (up to `max_gap_mm` of empty space
    between them), or to another's side in line with it (up to 3 mm). Two trees that both have a long way and a
    wide end are a left and a right coronary tree: their tips may well face each other, and they stay apart.
    """
    links: list[tuple[int, int]] = []
    while True:
        pieces = components(skeleton)
        best = _best_link(skeleton, pieces, max_gap_mm)
        if best is None:
            return links
        a, b = best
        skeleton.neighbours[a].append(b)
        skeleton.neighbours[b].append(a)
        links.append(best)


def _best_link(skeleton: Skeleton, pieces: list[list[int]], max_gap_mm: float) -> tuple[int, int] | None:
    piece_of = {node: number for number, members in enumerate(pieces) for node in members}
    tips = [[n for n in members if len(skeleton.neighbours[n]) == 1] for members in pieces]
    outwards = {tip: _outwards(skeleton, tip) for group in tips for tip in group}
    whole = [
        _length(skeleton, members) > 80.0 and max(end_radius(skeleton, t) for t in group) > 1.2
        for members, group in zip(pieces, tips)
    ]
    nodes = np.array(sorted(piece_of), int)
    if len(nodes) == 0:
        return None
    search = cKDTree(skeleton.points[nodes])
    best, cost = None, np.inf
    for tip, direction in outwards.items():
        for other in nodes[search.query_ball_point(skeleton.points[tip], max_gap_mm + 6.0)]:
            here, there = piece_of[tip], piece_of[other]
            if here == there or (whole[here] and whole[there]):
                continue
            way = skeleton.points[other] - skeleton.points[tip]
            distance = float(np.linalg.norm(way))
            gap = max(distance - skeleton.radius[tip] - skeleton.radius[other], 0.0)
            facing = float(direction @ way) / max(distance, 1e-9)
            if other in outwards:
                fits = facing > _TIP_TO_TIP_COS and -float(outwards[other] @ way) / distance > _TIP_TO_TIP_COS
                fits = fits and gap <= max_gap_mm
            else:
                fits = facing > _TIP_TO_SIDE_COS and gap <= _TIP_TO_SIDE_MM
            if fits and gap * (2.0 - facing) < cost:
                best, cost = (int(tip), int(other)), gap * (2.0 - facing)
    return best
