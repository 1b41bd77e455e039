"""Two scans of one phantom whose vessels are known: another scanner, a turned and bent heart, other calibres.

`scanned_twice(seed)` gives the tubes of a phantom twice. The second ones are turned by up to 30 degrees,
moved by up to 40 mm and bent by 4 to 8 mm; of two patients in three some vessels are wider or narrower by 0.3
mm and some by 0.1 mm, over 10 to 20 mm or throughout. Each scan has its own voxels, axes, blur and noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from bundle.common.coordinates import voxel_to_world, world_to_voxel
from bundle.common.polylines import arc_length

from .geometry import NOISE_MM, Tube, true_tubes, wall_distance

__all__ = ["Change", "Scan", "ScannedTwice", "draw_scan", "scanned_twice"]

WAVES_MM = (120.0, 220.0)  # lengths of the waves that the bend is made of
LARGE_MM, SMALL_MM = 0.3, 0.1
RAMP_MM = 1.0  # over which a change begins and ends
WIDE_MM = 1.6  # diameter of vessels that change


@dataclass(frozen=True)
class Scanner:
    """voxel_mm: along each array axis, negative where the axis runs to the left, back or down. blur_mm:
    standard deviation. noise_mm: rms of the wall."""

    voxel_mm: tuple[float, float, float]
    blur_mm: float
    noise_mm: float = NOISE_MM


SCANNERS = (Scanner((0.4, 0.4, 0.4), 0.25), Scanner((-0.35, -0.35, 0.5), 0.4))


@dataclass(frozen=True)
class Change:
    """tube: its index. low_mm, high_mm: along it. by_mm: more diameter in the second scan."""

    tube: int
    low_mm: float
    high_mm: float
    by_mm: float


class Bend:
    """Points (N, 3) of the first scan to those of the second: turned, moved, bent."""

    def __init__(self, rng: np.random.Generator, middle: np.ndarray, reach: np.ndarray):
        angle = rng.uniform(10, 30)
        axis = rng.normal(size=3)
        self.turn = Rotation.from_rotvec(np.radians(angle) * axis / np.linalg.norm(axis))
        shift = rng.normal(size=3)
        self.shift = shift / np.linalg.norm(shift) * rng.uniform(10, 40)
        self.middle = middle
        waves = rng.normal(size=(3, 3))
        lengths = rng.uniform(*WAVES_MM, (3, 1))
        self.waves = 2 * np.pi * waves / np.linalg.norm(waves, axis=1, keepdims=True) / lengths
        self.phase, self.amount = rng.uniform(0, 2 * np.pi, 3), rng.normal(size=(3, 3))
        self.most_mm = rng.uniform(4, 8)
        self.factor = 1.0
        self.factor = self.most_mm / np.linalg.norm(self._wave(reach), axis=1).max()

    def _wave(self, points: np.ndarray) -> np.ndarray:
        return self.factor * np.sin((points - self.middle) @ self.waves.T + self.phase) @ self.amount

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self.turn.apply(points + self._wave(points) - self.middle) + self.middle + self.shift


@dataclass(frozen=True)
class ScannedTwice:
    """tubes: of both scans, as many of each. move: of the first to the second. changes: true."""

    tubes: tuple[list[Tube], list[Tube]]
    move: Bend
    changes: list[Change]


@dataclass(frozen=True)
class Scan:
    """probability (X, Y, Z) float32 and its (4, 4) affine, voxel to RAS mm."""

    probability: np.ndarray
    affine: np.ndarray


def _draw_changes(tubes: list[Tube], rng: np.random.Generator) -> list[Change]:
    """Two large and two small changes, each of another vessel, as far as there are vessels enough."""
    wide = []
    for number, tube in enumerate(tubes):
        along = arc_length(tube.points)
        ends = along[2 * tube.radius >= WIDE_MM]
        if len(ends) and ends[-1] > 18:
            wide.append((number, float(ends[-1])))
    changes = []
    order = rng.permutation(len(wide))[:4]
    for size, which in zip((LARGE_MM, SMALL_MM, LARGE_MM, SMALL_MM), order):
        number, end = wide[which]
        length, sign = rng.uniform(10, 20), rng.choice([-1, 1])
        low = rng.uniform(2.0, max(end - length - 2.0, 2.1))
        low, high = (low, min(low + length, end)) if rng.random() < 0.7 else (0.0, end)
        changes.append(Change(number, float(low), float(high), float(sign * size)))
    return changes


def _changed(tube: Tube, changes: list[Change]) -> Tube:
    """The tube with its diameter changed."""
    along, radius = arc_length(tube.points), tube.radius.copy()
    for change in changes:
        inside = np.minimum(along - change.low_mm, change.high_mm - along) / RAMP_MM + 0.5
        radius += 0.5 * change.by_mm * np.clip(inside, 0, 1)
    return replace(tube, radius=np.maximum(radius, 0.2))


def scanned_twice(seed: int) -> ScannedTwice:
    """The two scans of a seed: the same at any time; those of seeds that 3 divides have no change."""
    rng = np.random.default_rng([seed, 23])
    tubes = true_tubes(seed)
    points = np.concatenate([tube.points for tube in tubes])
    move = Bend(rng, points.mean(axis=0), points)
    changes = _draw_changes(tubes, rng)
    changes = [] if seed % 3 == 0 else changes
    second = [
        replace(_changed(tube, [c for c in changes if c.tube == number]), points=move(tube.points))
        for number, tube in enumerate(tubes)
    ]
    return ScannedTwice((tubes, second), move, changes)


def draw_scan(tubes: list[Tube], scanner: Scanner, rng: np.random.Generator) -> Scan:
    """What a network would make of a scan of these tubes: how much lumen each voxel holds, blurred."""
    points = np.concatenate([tube.points[::10] for tube in tubes])
    size = np.abs(scanner.voxel_mm)
    margin = max(tube.radius.max() for tube in tubes) + 4 * scanner.blur_mm + 1.0
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    affine = np.diag([*scanner.voxel_mm, 1.0])
    affine[:3, 3] = np.where(np.sign(scanner.voxel_mm) > 0, low, high)
    near = np.zeros(np.ceil((high - low) / size).astype(int) + 1, bool)
    reach = np.ceil((margin - 1.0) / size).astype(int)
    for at in np.rint(world_to_voxel(points, affine)).astype(int):
        near[tuple(slice(max(a - r, 0), a + r + 1) for a, r in zip(at, reach))] = True
    inside = wall_distance(tubes, voxel_to_world(np.argwhere(near), affine))
    field = np.full(near.shape, -3.0, np.float32)
    field[near] = inside
    noise = gaussian_filter(rng.standard_normal(near.shape, np.float32), 1.0)
    field[near] += noise[near] * (scanner.noise_mm / noise.std())
    filled = np.clip(0.5 + field / size.mean(), 0, 1)
    return Scan(gaussian_filter(filled, scanner.blur_mm / size).astype(np.float32), affine)
