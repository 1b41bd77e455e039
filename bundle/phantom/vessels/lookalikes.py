"""Thin bright things that are not coronary arteries, as tubes: (points (N, 3) mm, radii, HU).

Vessels of the lungs, of the abdomen, of the upper chest and the chest wall; calcium of the aorta; and what
surgeons leave behind: sternal wires, pacemaker leads, a stent graft in the descending aorta.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import make_interp_spline

from bundle.phantom.anatomy import Chest
from bundle.phantom.core import Contrast
from bundle.phantom.core import fields as f

__all__ = ["draw_lookalikes"]

Tubes = list[tuple[np.ndarray, np.ndarray, float]]


def draw_lookalikes(rng: np.random.Generator, chest: Chest, contrast: Contrast) -> Tubes:
    """Every look-alike of one patient, in scanner coordinates, in painting order."""
    tubes = lung_vessels(rng, chest, contrast) + abdominal_vessels(rng, chest, contrast)
    tubes += upper_vessels(rng, chest, contrast) + wall_vessels(rng, chest, contrast)
    rare = ((0.4, aortic_calcium), (0.08, sternal_wires), (0.06, pacing_leads), (0.05, stent_graft))
    for chance, thing in rare:
        if rng.random() < chance:
            tubes += thing(rng, chest, contrast)
    return tubes


def wander(rng, start, direction, steps: int, step_mm: float = 4.0, bend: float = 0.22) -> np.ndarray:
    """A random smooth path of `steps` + 1 points from `start`, first along `direction`."""
    direction = direction / np.linalg.norm(direction)
    points = [start]
    for _ in range(steps):
        direction = direction + rng.normal(0, bend, 3)
        direction /= np.linalg.norm(direction)
        points.append(points[-1] + step_mm * direction)
    return np.array(points)


def _runs_inside(points, radii, field, chest: Chest, hu: float) -> Tubes:
    """The parts of a path inside `field`, and up to 1 mm outside."""
    inside = f.sample(field, chest.grid, points) < 1.0
    low, high = chest.grid.origin, chest.grid.far_corner
    inside &= ((points > low) & (points < high)).all(axis=1)
    return [(points[run], radii[run], hu) for run in _runs(inside)]


def _runs(chosen: np.ndarray) -> list[np.ndarray]:
    """Indices of each run of three or more true values in (N,) bool."""
    runs = np.split(np.arange(len(chosen)), np.flatnonzero(np.diff(chosen)) + 1)
    return [run for run in runs if chosen[run[0]] and len(run) > 2]


def lung_vessels(rng, chest: Chest, contrast: Contrast) -> Tubes:
    """Curved vessels that taper from the hila into the lungs."""
    starts = chest.to_scanner(np.array([[-38.0, -52, 30], [70.0, -50, 30]]))
    tubes = []
    for _ in range(90):
        start = starts[rng.integers(2)] + rng.normal(0, 6, 3)
        points = wander(rng, start, rng.normal(0, 1, 3) * [1.0, 1.0, 0.8], int(rng.integers(8, 22)))
        radii = np.linspace(rng.uniform(1.2, 3.2), rng.uniform(0.3, 0.8), len(points))
        hu = (contrast.pulmonary if rng.random() < 0.5 else contrast.left_atrium) * rng.uniform(0.85, 1)
        tubes += _runs_inside(points, radii, chest.lungs, chest, hu)
    return tubes


def abdominal_vessels(rng, chest: Chest, contrast: Contrast) -> Tubes:
    """Coeliac, splenic, hepatic, mesenteric and renal arteries, portal and hepatic veins, loosely placed."""
    roots = [[6.0, -62, -95], [30, -40, -85], [-30, -55, -95], [60, -30, -90], [8, -60, -120]]
    roots = chest.to_scanner(np.array(roots))
    tubes = []
    if roots[:, 2].max() < chest.grid.origin[2] - 60:
        return tubes
    for _ in range(28):
        start = roots[rng.integers(len(roots))] + rng.normal(0, 14, 3)
        points = wander(rng, start, rng.normal(0, 1, 3), int(rng.integers(8, 26)), 3.5, bend=0.35)
        radii = np.linspace(rng.uniform(1.0, 3.2), rng.uniform(0.5, 1.2), len(points))
        artery = rng.random() < 0.6
        hu = contrast.aorta * rng.uniform(0.8, 1.0) if artery else contrast.vein * rng.uniform(0.7, 1.2)
        tubes += _runs_inside(points, radii, chest.abdomen, chest, hu)
    return tubes


def upper_vessels(rng, chest: Chest, contrast: Contrast) -> Tubes:
    """Brachiocephalic, carotid and subclavian arteries, and the brachiocephalic veins of either side."""
    arch = np.array([14.0, -18, 96])
    courses = [
        ([arch + [12, 4, 0], arch + [24, 8, 26], arch + [52, 2, 46], arch + [95, -4, 44]], 5.5, 4.0),
        ([arch + [24, 8, 26], arch + [28, 2, 60], arch + [30, -4, 110]], 3.8, 3.2),
        ([arch + [-4, -4, 0], arch + [-12, 0, 40], arch + [-14, -6, 110]], 3.6, 3.0),
        ([arch + [-16, -16, -4], arch + [-28, -14, 34], arch + [-58, -10, 46], arch + [-100, -12, 40]], 5, 4),
        ([arch + [10, -12, 40], arch + [18, -16, 110]], 1.8, 1.6),
    ]
    veins = [
        ([arch + [42, 10, 14], arch + [46, 8, 42], arch + [90, 2, 52]], 6.5, 5.5),
        ([arch + [42, 10, 14], arch + [10, 24, 26], arch + [-26, 14, 44], arch + [-90, 4, 50]], 6.0, 5.0),
    ]
    injected = int(rng.integers(2))
    tubes = []
    for side, (points, first, last) in enumerate(veins):
        hu = contrast.vena_cava * rng.uniform(1.0, 1.8) if side == injected else contrast.vein
        tubes.append(_course(rng, chest, points, first, last, hu))
    for points, first, last in courses:
        tubes.append(_course(rng, chest, points, first, last, contrast.aorta * rng.uniform(0.9, 1.0)))
    return tubes


def _course(rng, chest: Chest, points, first: float, last: float, hu: float):
    path = chest.to_scanner(np.array(points) + rng.normal(0, 2.5, (len(points), 3)))
    at = np.linspace(0, len(path) - 1, 12 * len(path))
    curve = make_interp_spline(np.arange(len(path)), path, k=min(2, len(path) - 1))(at)
    return curve, chest.scale * np.linspace(first, last, len(curve)), hu


def wall_vessels(rng, chest: Chest, contrast: Contrast) -> Tubes:
    """Thin vessels that wander through the chest wall and in front of the pericardium."""
    tubes = []
    for _ in range(int(rng.integers(4, 14))):
        start = np.array([rng.uniform(-70, 115), rng.uniform(-110, 75), rng.uniform(-120, 150)])
        start, direction = chest.to_scanner(start)[0], rng.normal(0, 1, 3) * [1, 0.3, 1]
        path = wander(rng, start, direction, int(rng.integers(6, 20)))
        clear = f.sample(chest.core, chest.grid, path) > 22  # never on the heart, where coronaries run
        for run in _runs(clear):
            radius = np.full(len(run), rng.uniform(0.5, 1.3))
            tubes.append((path[run], radius, contrast.aorta * rng.uniform(0.4, 1.0)))
    return tubes


def aortic_calcium(rng, chest: Chest, contrast: Contrast) -> Tubes:
    """Flecks of calcium in the wall of the descending aorta."""
    tubes = []
    for _ in range(int(rng.integers(1, 9))):
        turn, centre = rng.uniform(0, 2 * np.pi), [-8.0, -76, rng.uniform(-150, 90)]
        turns = turn + np.linspace(0, rng.uniform(0.2, 0.9), 6)
        ring = centre + 12.3 * np.stack([np.cos(turns), np.sin(turns), np.linspace(0, 0.2, 6)], -1)
        tubes.append((chest.to_scanner(ring), np.full(6, rng.uniform(0.5, 1.4)), contrast.calcium))
    return tubes


def sternal_wires(rng, chest: Chest, contrast: Contrast) -> Tubes:
    """Steel loops around the sternum after an operation."""
    turns, front = np.linspace(0, 2 * np.pi, 25), rng.uniform(55, 72)
    tubes = []
    for level in np.arange(-50, 90, 22.0):
        height = np.full(25, level) + rng.normal(0, 1)
        loop = np.stack([22 + 17 * np.cos(turns), front + 8 * np.sin(turns), height], -1)
        tubes.append((chest.to_scanner(loop), np.full(25, 0.5), 3000.0))
    return tubes


def pacing_leads(rng, chest: Chest, contrast: Contrast) -> Tubes:
    """Metal leads from the superior vena cava into the right atrium and ventricle."""
    frame = chest.frame
    tubes = []
    for end in [frame.at(-14, 30, 10), frame.at(60, 26, -8)][: int(rng.integers(1, 3))]:
        path = np.array([[54.0, -8, 160], [55, -9, 80], frame.at(-22, 36, -8), end])
        at = np.linspace(0, 3, 40)
        line = np.stack([np.interp(at, range(4), path[:, k]) for k in range(3)], -1)
        tubes.append((chest.to_scanner(line), np.full(40, 0.9), 3000.0))
    return tubes


def stent_graft(rng, chest: Chest, contrast: Contrast) -> Tubes:
    """Zigzag rings on the wall of the descending aorta."""
    turns = np.linspace(0, 2 * np.pi, 49)
    tubes = []
    for level in np.arange(rng.uniform(-40, 0), rng.uniform(40, 100), 14.0):
        zigzag = 5.0 * np.abs(((turns * 10 / (2 * np.pi)) % 2) - 1)
        centre_x = np.interp(level, [-120, 0, 60, 100], [2, -8, -12, -14])
        ring = np.stack([centre_x + 11.5 * np.cos(turns), -74 + 11.5 * np.sin(turns), level + zigzag], -1)
        tubes.append((chest.to_scanner(ring), np.full(49, 0.45), 2500.0))
    return tubes
