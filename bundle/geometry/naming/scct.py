"""The 18 segments of the SCCT, and dominance: what a report says of named branches."""

from __future__ import annotations

import numpy as np

from bundle.geometry.core import Branch, Tree

__all__ = ["dominance", "scct_segments"]

# Branches that are one segment each, on a right-dominant tree.
_WHOLE = {"LM": 5, "D1": 9, "D2": 10, "OM1": 12, "OM2": 14, "RI": 17, "PDA": 4, "PLV": 16}
_OF_LEFT = {"PDA": 15, "PLV": 18}  # the same where they come from the LCx


def _family(name: str) -> str:
    """A name without its number."""
    return name.rstrip("0123456789")


def _first_at(tree: Tree, number: int, *families: str) -> float:
    """Where along a branch the first one of some families leaves it, mm; infinite where none does."""
    mother = tree.branches[number]
    found = [np.inf]
    for branch in tree.branches:
        if branch.parent == number and _family(branch.name) in families:
            near = np.linalg.norm(mother.points - branch.points[0], axis=1)
            found.append(float(mother.along_mm[int(np.argmin(near))]))
    return min(found)


def _side(tree: Tree, branch: Branch) -> str | None:
    """Of the artery that a branch comes from: "left", "right", or None where no named one is above it."""
    while branch.parent >= 0:
        branch = tree.branches[branch.parent]
        if branch.name in ("LCx", "LM", "LAD"):
            return "left"
        if branch.name == "RCA":
            return "right"
    return None


def _later_pieces(tree: Tree) -> set[int]:
    """Pieces of a broken artery but for its first one, the widest."""
    later = set()
    for name in ("RCA", "LAD", "LCx"):
        own = [i for i, branch in enumerate(tree.branches) if branch.name == name]
        attached = [i for i in own if tree.branches[i].parent >= 0]
        first = max(attached or own, key=lambda i: float(np.median(tree.branches[i].radius)), default=None)
        later |= set(own) - {first}
    return later


def scct_segments(tree: Tree) -> list[np.ndarray]:
    """Number of the segment, 1 to 18, at each point of each branch, (N,) int8; 0 where there is none.

    RCA: proximal (1) to half-way to the acute margin, middle (2) to the acute margin, distal (3) behind it.
    The acute margin is where the first acute marginal leaves, or two thirds of the way where none is seen.
    LAD: proximal (6) to the first diagonal or septal branch that is seen, middle (7) to half-way from there
    to its end, distal (8). LCx: proximal (11) to the first obtuse marginal, then distal (13).

    Of an artery in pieces the first one alone has numbers; PDA and PLV have them only where the artery that
    they leave has a name.

    Source: Leipsic et al., SCCT guidelines for the interpretation and reporting of coronary CT angiography,
    JCCT 2014, figure 2.
    """
    found, later = [], _later_pieces(tree)
    for number, branch in enumerate(tree.branches):
        along, total = branch.along_mm, branch.length_mm
        if number in later:
            segments = np.zeros(len(along))
        elif branch.name == "RCA":
            margin = _first_at(tree, number, "AM")
            margin = margin if np.isfinite(margin) else 2 * total / 3
            segments = np.select([along <= margin / 2, along <= margin], [1, 2], 3)
        elif branch.name == "LAD":
            begin = _first_at(tree, number, "D", "S")
            begin = begin if np.isfinite(begin) else total / 3
            segments = np.select([along <= begin, along <= (begin + total) / 2], [6, 7], 8)
        elif branch.name == "LCx":
            begin = _first_at(tree, number, "OM")
            segments = np.where(along <= (begin if np.isfinite(begin) else total / 2), 11, 13)
        else:
            first = _WHOLE.get(branch.name, 0)
            if branch.name in _OF_LEFT:
                side = _side(tree, branch)
                first = {"left": _OF_LEFT[branch.name], "right": first}.get(side, 0)
            segments = np.full(len(along), first)
        found.append(segments.astype(np.int8))
    return found


def dominance(tree: Tree) -> str:
    """Which artery supplies the rear wall: "right", "left", "co-dominant", or "not seen".

    Right where the PDA, and all posterolateral branches that are seen, come from the RCA; left where they
    come from the LCx; co-dominant where they come from both. Without a PDA on one of these nothing is said.
    """
    sides, has_pda = set(), False
    for branch in tree.branches:
        family, side = _family(branch.name), _side(tree, branch)
        if family in ("PDA", "PLV") and side is not None:
            sides.add(side)
            has_pda |= family == "PDA"
    if not has_pda:
        return "not seen"
    return "co-dominant" if len(sides) == 2 else sides.pop()
