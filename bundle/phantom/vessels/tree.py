"""A drawn coronary tree, in scanner coordinates (mm)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .tubes import STEP

__all__ = ["Branch", "Coronaries"]


@dataclass
class Branch:
    """One vessel from its origin to its tip. `points` (N, 3) mm are the lumen's centreline, 0.5 mm apart."""

    name: str
    parent: str | None
    points: np.ndarray
    vessel: np.ndarray
    """Centre of the outer wall (N, 3); it leaves the lumen's centre where a plaque is eccentric."""
    radius: np.ndarray
    """Lumen radius (mm) at every point, lesions included."""
    reference: np.ndarray
    """Radius (mm) of the same vessel without lesions."""
    outer: np.ndarray | None = None
    """Radius (mm) of the outer wall, from `add_disease`."""
    lesions: list[dict] = field(default_factory=list)

    @property
    def length(self) -> float:
        return STEP * (len(self.points) - 1)


@dataclass
class Coronaries:
    """Both trees, and the cardiac veins beside them as (points (N, 3) mm, radius (N,) mm)."""

    dominance: str
    branches: list[Branch]
    veins: list[tuple[np.ndarray, np.ndarray]]

    def __getitem__(self, name: str) -> Branch:
        return next(b for b in self.branches if b.name == name)

    def distance_to_origin(self, branch: Branch) -> float:
        """Path length (mm) from the ostium to where a branch begins."""
        total = 0.0
        while branch.parent:
            parent = self[branch.parent]
            total += STEP * float(np.argmin(np.linalg.norm(parent.vessel - branch.vessel[0], axis=1)))
            branch = parent
        return total
