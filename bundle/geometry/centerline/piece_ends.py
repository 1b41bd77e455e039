"""Which pieces a skeleton is in, and where and how each of them ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from bundle.common.polylines import arc_length

from .chains import end_radius
from .skeleton import Skeleton

__all__ = ["PieceEnds", "beginning", "ends_of_pieces", "outwards"]

_DIRECTION_MM = 4.0
_WHOLE_MM, _WHOLE_RADIUS_MM = 80.0, 1.2
_STUB_MM, _STUB_RADII = 1.0, 3.0


def beginning(points: np.ndarray) -> np.ndarray:
    """Unit direction of the first 4 mm of a line (N, 3)."""
    along = arc_length(points)
    step = points[int(np.searchsorted(along, min(_DIRECTION_MM, along[-1])))] - points[0]
    return step / max(np.linalg.norm(step), 1e-9)


def outwards(skeleton: Skeleton, tip: int) -> np.ndarray:
    """Unit direction in which a vessel leaves through its tip, over the last 4 mm."""
    return -beginning(skeleton.points[skeleton.from_tip(tip)])


@dataclass(frozen=True)
class PieceEnds:
    """The pieces of a skeleton of K nodes and their ends.

    nodes: indices (M,) of the nodes in pieces. search: of their points. piece_of: (K,), -1 outside of pieces.
    tips: the ends. direction: (K, 3), outwards through a tip, 0 at other nodes. wide: (K,) mm, radius of the
    vessel that ends in a tip, 0 at other nodes. whole: by piece, whether it is a tree of its own, with a long
    way and a wide end. stub: by piece, whether it is too short for its width to have a direction.
    """

    nodes: np.ndarray
    search: cKDTree
    piece_of: np.ndarray
    tips: list[int]
    direction: np.ndarray
    wide: np.ndarray
    whole: np.ndarray
    stub: np.ndarray

    def is_stub(self, node: int) -> bool:
        """Whether a node's piece is one."""
        return bool(self.stub[self.piece_of[node]])

    def is_tip(self, nodes: np.ndarray) -> np.ndarray:
        """Whether nodes (N,) are ends, (N,) bool."""
        return self.direction[nodes].any(axis=1)

    def may_be_origin(self, tip: int) -> bool:
        """Whether a tip is the widest end of a piece that is no whole tree: where a side branch begins."""
        piece = self.piece_of[tip]
        own = [self.wide[t] for t in self.tips if self.piece_of[t] == piece]
        return not self.whole[piece] and bool(self.wide[tip] >= max(own))

    def others_within(self, point: np.ndarray, tip: int, reach_mm: float) -> np.ndarray:
        """Nodes (N,) of other pieces than a tip's within a reach of a point (3,)."""
        others = self.nodes[self.search.query_ball_point(point, reach_mm)]
        return others[self.piece_of[others] != self.piece_of[tip]]


def ends_of_pieces(skeleton: Skeleton) -> PieceEnds | None:
    """What the pieces of a skeleton are like; None where there are not two."""
    pieces = skeleton.pieces()
    if len(pieces) < 2:
        return None
    nodes = np.sort(np.concatenate(pieces))
    piece_of = np.full(len(skeleton.points), -1)
    for number, piece in enumerate(pieces):
        piece_of[piece] = number
    tips = skeleton.tips()
    direction, wide = np.zeros_like(skeleton.points), np.zeros(len(skeleton.points))
    direction[tips] = [outwards(skeleton, tip) for tip in tips]
    wide[tips] = [end_radius(skeleton, tip) for tip in tips]
    length = np.array([skeleton.length_mm(piece) for piece in pieces])
    whole, stub = length > _WHOLE_MM, length < _STUB_MM
    for number in np.flatnonzero(~whole):
        stub[number] |= length[number] < _STUB_RADII * skeleton.radius[pieces[number]].max()
    for number in np.flatnonzero(whole):
        whole[number] = max(wide[t] for t in tips if piece_of[t] == number) > _WHOLE_RADIUS_MM
    search = cKDTree(skeleton.points[nodes])
    return PieceEnds(nodes, search, piece_of, tips, direction, wide, whole, stub)
