"""A heart's branches, and the same ones moved, changed or lacking some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hearts import SEGMENTS, heart
from shapes import rotation

from bundle.geometry.core import Branch, make_branch


def heart_branches() -> list[Branch]:
    """The branches of the schematic heart, with their true names."""
    tree, names = heart()
    own = [name.split()[0] for name in names]
    order = list(dict.fromkeys(own))
    branches = []
    for name in order:
        segments = [i for i, other in enumerate(own) if other == name]
        mother = SEGMENTS[names[segments[0]]][0]
        parent = order.index(mother.split()[0]) if mother else -1
        branches.append(make_branch(tree, segments, name, 1.0, parent))
    return branches


def rigid(angles_deg: Sequence[float], shift_mm: Sequence[float]) -> np.ndarray:
    """The (4, 4) matrix that turns about x, y and z and then moves."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation(angles_deg), shift_mm
    return matrix


def moved(branches: Sequence[Branch], matrix: np.ndarray) -> list[Branch]:
    return [replace(b, points=b.points @ matrix[:3, :3].T + matrix[:3, 3]) for b in branches]


def without(branches: Sequence[Branch], name: str) -> list[Branch]:
    """The branches without one that none leaves."""
    gone = [b.name for b in branches].index(name)
    assert all(b.parent != gone for b in branches)
    return [
        replace(b, parent=b.parent - (b.parent > gone)) for i, b in enumerate(branches) if i != gone
    ]  # fmt: skip


def widened(branches: Sequence[Branch], name: str, low_mm: float, high_mm: float, by_mm: float):
    """One branch `by_mm` wider in diameter between two places."""
    found = []
    for branch in branches:
        inside = (branch.along_mm >= low_mm) & (branch.along_mm <= high_mm) & (branch.name == name)
        found.append(replace(branch, radius=branch.radius + 0.5 * by_mm * inside))
    return found


def rough(branches: Sequence[Branch], sigma_mm: float, seed: int) -> list[Branch]:
    """Every radius off by noise of its own."""
    rng = np.random.default_rng(seed)
    return [replace(b, radius=b.radius + rng.normal(0, sigma_mm, len(b.radius))) for b in branches]
