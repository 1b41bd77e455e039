"""What a synthetic patient is made of: organs, the heart's own frame, and the chest that holds them.

The patient frame is RAS in mm with its origin near the middle of the heart. The heart's own frame has the
long axis `a` (base to apex, pointing left, anterior and inferior), `r` (from the left to the right ventricle)
and `u` (towards the anterior interventricular groove).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from bundle.phantom.core import fields as f

__all__ = ["Chest", "HeartFrame", "Organ", "heart_frame"]


@dataclass
class Organ:
    """One layer of the picture. Later layers are painted over earlier ones."""

    name: str
    sdf: np.ndarray
    hu: float
    texture: float = 0.0
    """Standard deviation (HU) of the smooth variation inside the organ."""


@dataclass
class HeartFrame:
    """The heart's axes and base (patient frame, mm)."""

    base: np.ndarray
    a: np.ndarray
    r: np.ndarray
    u: np.ndarray

    def at(self, a: float = 0.0, r: float = 0.0, u: float = 0.0) -> np.ndarray:
        """The point (3,) at mm along the axes from the base."""
        return self.base + a * self.a + r * self.r + u * self.u

    @property
    def axes(self) -> np.ndarray:
        return np.stack([self.a, self.r, self.u])

    def turned(self, turn: Rotation) -> HeartFrame:
        """The same heart turned about the patient's origin."""
        return HeartFrame(turn.apply(self.base), *turn.apply(np.stack([self.a, self.r, self.u])))


@dataclass
class Chest:
    """Organs in painting order and what the vessels need to find their way. Fields live on `grid`."""

    grid: f.Grid
    to_patient: Rotation
    scale: float
    offset: np.ndarray
    frame: HeartFrame
    organs: list[Organ] = field(default_factory=list)
    surface: np.ndarray | None = None
    """Signed distance to the outside of heart, aortic root and pulmonary trunk: what coronaries run on."""
    core: np.ndarray | None = None
    """Signed distance to chambers and great vessels inside the pericardium."""
    aorta: np.ndarray | None = None
    lungs: np.ndarray | None = None
    abdomen: np.ndarray | None = None
    ostia: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    """Left and right ostium: a point on the aortic wall and the outward direction, in scanner coordinates.
    Where there is a "circumflex" one, the tree has no left main."""
    detours: dict[str, np.ndarray] = field(default_factory=dict)
    """Points (N, 3) around the aorta that a vessel follows from its ostium first, by the ostium's name."""
    up: np.ndarray | None = None
    """Unit vector along the ascending aorta, across the directions of the ostia; scanner's frame."""
    swing: np.ndarray | None = None
    """(3, 2) by which courses in heart coordinates lie beside the grooves: mm and degrees, the same
    everywhere and by cosine and sine of the angle around the heart. None is in the grooves."""

    def to_scanner(self, points: np.ndarray) -> np.ndarray:
        """Patient points (N, 3) in the scanner's frame."""
        return self.to_patient.inv().apply(np.atleast_2d(points)) * self.scale + self.offset

    def tube(self, points, radii, reach: float = 14.0) -> np.ndarray:
        """Signed distance to a tube along patient points whose corners are cut twice (Chaikin)."""
        path = self.to_scanner(np.array(points, float))
        for _ in range(2):
            inner = np.hstack([0.75 * path[:-1] + 0.25 * path[1:], 0.25 * path[:-1] + 0.75 * path[1:]])
            path = np.concatenate([path[:1], inner.reshape(-1, 3), path[-1:]])
        radii = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(radii)), radii)
        return f.thick_path(self.grid, path, self.scale * radii, reach)


def mean_frame() -> HeartFrame:
    """The axes of an adult's heart, the mean."""
    a = np.array([-0.62, 0.55, -0.56])
    a /= np.linalg.norm(a)
    r = np.array([0.60, 0.75, -0.10])
    r -= (r @ a) * a
    r /= np.linalg.norm(r)
    return HeartFrame(-28.0 * a, a, r, np.cross(r, a))


def heart_frame(rng: np.random.Generator) -> HeartFrame:
    """The axes of one patient's heart: the mean, turned by some degrees."""
    return mean_frame().turned(Rotation.from_euler("xyz", rng.normal(0, [6, 6, 9]), degrees=True))
