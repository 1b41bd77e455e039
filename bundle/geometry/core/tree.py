"""The coronary tree as data: segments between bifurcations, and named branches made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bundle.common.polylines import arc_length

__all__ = ["Branch", "Centerline", "Segment", "Tree", "make_branch"]


@dataclass
class Centerline:
    """A stretch of vessel, from the ostium's side to the tip's.

    points: (N, 3) RAS mm. radius: (N,) mm, of the circle with the cross-section's area. inscribed: (N,) mm,
        of the largest ball about the point. junction: (N,) bool, where a bifurcation disturbs the
        cross-section. gap: (N,) bool, where the lumen is interrupted and the line only bridges it.
    parent: index of the stretch it leaves, in the list that this one stands in; -1 at an ostium.
    tree: number of the tree.
    """

    points: np.ndarray
    radius: np.ndarray
    inscribed: np.ndarray
    junction: np.ndarray
    gap: np.ndarray
    parent: int
    tree: int

    @property
    def along_mm(self) -> np.ndarray:
        """Distance from the start, (N,)."""
        return arc_length(self.points)

    @property
    def length_mm(self) -> float:
        return float(self.along_mm[-1])

    @property
    def free(self) -> np.ndarray:
        """Where neither a bifurcation nor a gap disturbs the cross-section, (N,) bool."""
        return ~(self.junction | self.gap)

    def arrays(self, where: slice = slice(None)) -> dict[str, np.ndarray]:
        """The five arrays by name, or a part of them."""
        names = ("points", "radius", "inscribed", "junction", "gap")
        return {name: getattr(self, name)[where] for name in names}


@dataclass
class Segment(Centerline):
    """A centreline between two bifurcations (or an ostium, or a tip).

    The first point of a child is the last of its parent.
    """


@dataclass
class Branch(Centerline):
    """A vessel with a name: consecutive `segments` (their indices) joined. confidence: 0..1 of the name."""

    name: str
    confidence: float
    segments: list[int]


@dataclass
class Tree:
    """All coronary trees of a case. Parents stand before their children in both lists.

    warnings: what the user of the tree has to know, in sentences.
    """

    segments: list[Segment] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def points(self) -> np.ndarray:
        """All centreline points, (N, 3) RAS mm."""
        return np.concatenate([np.zeros((0, 3)), *(segment.points for segment in self.segments)])

    @property
    def radius(self) -> np.ndarray:
        """Radius at `points`, (N,) mm."""
        return np.concatenate([np.zeros(0), *(segment.radius for segment in self.segments)])

    def children(self, segment: int) -> list[int]:
        """Indices of the segments that leave the end of a segment."""
        return [i for i, s in enumerate(self.segments) if s.parent == segment]


def make_branch(tree: Tree, segments: list[int], name: str, confidence: float, parent: int) -> Branch:
    """A branch of consecutive `segments`, each the parent of the next."""
    first, *others = (tree.segments[i] for i in segments)
    parts = [first.arrays(), *(part.arrays(slice(1, None)) for part in others)]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return Branch(
        **joined, parent=parent, tree=first.tree, name=name, confidence=confidence, segments=list(segments)
    )
