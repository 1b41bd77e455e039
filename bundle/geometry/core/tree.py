"""The coronary tree as data: segments between bifurcations, and named branches made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bundle.common.polylines import arc_length


@dataclass
class Segment:
    """A stretch of vessel between two bifurcations (or an ostium, or a tip).

    points: (N, 3) centreline, RAS mm, from the ostium's side to the tip's; the first point of a daughter is
        the last of its mother.
    radius: (N,) mm, of the circle with the cross-section's area. inscribed: (N,) mm, of the largest ball
        about the point. junction: (N,) bool, where a bifurcation disturbs the cross-section.
    gap: (N,) bool, where the lumen is interrupted and the line only bridges it.
    parent: index of the mother, -1 at an ostium. tree: number of the tree.
    """

    points: np.ndarray
    radius: np.ndarray
    inscribed: np.ndarray
    junction: np.ndarray
    gap: np.ndarray
    parent: int
    tree: int

    @property
    def length_mm(self) -> float:
        return float(arc_length(self.points)[-1])


@dataclass
class Branch:
    """A vessel with a name: consecutive segments and their arrays joined (see `Segment`).

    parent: index of the branch it leaves, -1 for none. confidence: 0..1 of the name.
    """

    name: str
    confidence: float
    segments: list[int]
    parent: int
    tree: int
    points: np.ndarray
    radius: np.ndarray
    inscribed: np.ndarray
    junction: np.ndarray
    gap: np.ndarray

    @property
    def along_mm(self) -> np.ndarray:
        """Distance from the branch's start, (N,)."""
        return arc_length(self.points)

    @property
    def length_mm(self) -> float:
        return float(self.along_mm[-1])


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
        if not self.segments:
            return np.zeros((0, 3))
        return np.concatenate([segment.points for segment in self.segments])

    @property
    def radius(self) -> np.ndarray:
        """Radius at `points`, (N,) mm."""
        return np.concatenate([s.radius for s in self.segments]) if self.segments else np.zeros(0)

    def children(self, segment: int) -> list[int]:
        """Indices of the daughters of a segment."""
        return [i for i, s in enumerate(self.segments) if s.parent == segment]


def make_branch(tree: Tree, segments: list[int], name: str, confidence: float, parent: int) -> Branch:
    """A branch of consecutive `segments`, each the mother of the next."""
    parts = [tree.segments[i] for i in segments]

    def joined(name_: str) -> np.ndarray:
        first = getattr(parts[0], name_)
        return np.concatenate([first] + [getattr(part, name_)[1:] for part in parts[1:]])

    arrays = {n: joined(n) for n in ("points", "radius", "inscribed", "junction", "gap")}
    return Branch(name, confidence, list(segments), parent, parts[0].tree, **arrays)
