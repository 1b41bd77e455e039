"""Vessels as they run on, whatever their parts are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bundle.geometry.core import Branch, Tree

__all__ = ["WholeVessel", "whole_vessels"]


@dataclass(frozen=True)
class WholeVessel:
    """Branches that follow each other without a bifurcation, as an RCA and its PDA may, as one.

    line: all of it. parts: the branches' indices in the tree. starts_mm: where on `line` each begins.
    """

    line: Branch
    parts: list[int]
    starts_mm: np.ndarray

    def part_at(self, along_mm: float) -> tuple[int, float]:
        """The branch that a place along the line lies in, and where that branch begins, mm."""
        own = max(int(np.searchsorted(self.starts_mm, along_mm, side="right")) - 1, 0)
        return self.parts[own], float(self.starts_mm[own])


def _onward(tree: Tree, number: int) -> int | None:
    """The one branch that begins where another ends; None where none or several do."""
    end = tree.branches[number].points[-1]
    children = [i for i, branch in enumerate(tree.branches) if branch.parent == number]
    there = [i for i in children if np.allclose(tree.branches[i].points[0], end, atol=1e-6)]
    return there[0] if len(there) == 1 else None


def whole_vessels(tree: Tree) -> list[WholeVessel]:
    """Every branch of a tree in one of its whole vessels, by their first branches."""
    onward = {number: _onward(tree, number) for number in range(len(tree.branches))}
    later = {child for child in onward.values() if child is not None}
    found = []
    for number in onward:
        if number in later:
            continue
        parts = [number]
        while (child := onward[parts[-1]]) is not None:
            parts.append(child)
        own = [tree.branches[part] for part in parts]
        starts = np.cumsum([0.0, *(branch.length_mm for branch in own[:-1])])
        arrays = [own[0].arrays(), *(branch.arrays(slice(1, None)) for branch in own[1:])]
        joined = {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}
        first = own[0]
        line = Branch(
            **joined, parent=first.parent, tree=first.tree, name=first.name, confidence=first.confidence,
            segments=[segment for branch in own for segment in branch.segments],
        )  # fmt: skip
        found.append(WholeVessel(line, parts, starts))
    return found
