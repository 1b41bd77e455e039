"""Cardiac veins beyond the few of a whole phantom, as real scans show them beside and across the arteries."""

from __future__ import annotations

import numpy as np

from bundle.common.polylines import tangents
from bundle.phantom.anatomy import Chest
from bundle.phantom.vessels import STEP, Branch, Coronaries, TreeMaker, spline

BASE_Z = -12.0
"""Where the coronary sinus runs, in mm along the heart's long axis."""


def more_veins(rng: np.random.Generator, chest: Chest) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lateral, posterior and anterior cardiac veins as (points (N, 3) mm, radii (N,) mm); none to eight.

    Some run anywhere over the heart, so that a vein is not known by its groove alone.
    """
    maker = TreeMaker(rng, chest)
    veins = []
    for _ in range(int(rng.integers(0, 5))):
        phi = rng.uniform(112, 240)
        top = rng.uniform(40, 75)
        controls = [(top, phi + rng.normal(0, 12)), (top / 2, phi + rng.normal(0, 5)), (-11, phi)]
        points = maker.vein(controls, 1.3, lift=rng.uniform(-0.5, 2))
        veins.append((points, np.linspace(rng.uniform(0.4, 0.9), rng.uniform(1.0, 2.4), len(points))))
    if rng.random() < 0.6:  # crosses the right coronary into the right atrium
        phi = rng.uniform(-20, 50)
        controls = [(rng.uniform(25, 50), phi + rng.normal(0, 8)), (8, phi), (-16, phi - 3)]
        points = maker.vein(controls, 0.9, lift=rng.uniform(0.5, 4))
        veins.append((points, np.linspace(0.4, rng.uniform(0.7, 1.5), len(points))))
    for _ in range(int(rng.integers(0, 4))):  # anywhere
        z, phi = rng.uniform(-5, 70), rng.uniform(-90, 270)
        controls = [(z, phi)]
        for _ in range(int(rng.integers(2, 4))):
            z, phi = np.clip(z + rng.normal(0, 22), -12, 80), phi + rng.normal(0, 30)
            controls.append((z, phi))
        if z > 10 and rng.random() < 0.5:  # into the coronary sinus or the right atrium
            controls.append((-12, phi + rng.normal(0, 8)))
        points = maker.vein(controls, 1.2, lift=rng.uniform(-0.5, 3))
        veins.append((points, np.linspace(rng.uniform(0.4, 1.5), rng.uniform(0.7, 2.8), len(points))))
    return veins


def companion_veins(
    rng: np.random.Generator, chest: Chest, tree: Coronaries
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Veins that run beside an artery as (points (N, 3) mm, radii (N,) mm); none to four.

    As real ones do: for 15 to 90 mm at 0 to 3.5 mm from its wall, to either side of it, over it or under it,
    and then on to the base of the heart and along the groove there. As wide as the artery, or half or twice
    that, and as tortuous: what tells both apart is where they come from. The tree must have its disease, with
    which the outer wall comes.
    """
    maker = TreeMaker(rng, chest)
    long = [branch for branch in tree.branches if branch.length > 20 and branch.name != "LM"]
    weights = np.array([branch.length for branch in long])
    if not long:
        return []
    which = rng.choice(len(long), int(rng.integers(0, 5)), p=weights / weights.sum())
    return [_beside(rng, maker, long[k]) for k in which]


def _beside(rng: np.random.Generator, maker: TreeMaker, branch: Branch) -> tuple[np.ndarray, np.ndarray]:
    count = len(branch.points)
    take = min(int(rng.uniform(15, 90) / STEP), count - 8)
    first = int(rng.integers(4, count - take))
    along, wall = branch.points[first : first + take], branch.outer[first : first + take]
    heart = maker.heart
    if heart.coordinates(along[0])[0] < heart.coordinates(along[-1])[0]:  # towards the base
        along, wall = along[::-1], wall[::-1]
    begins, ends = rng.uniform(0.35, 1.1), rng.uniform(0.8, 2.3)
    normal = heart.normal(along)
    side = np.cross(normal, tangents(along))
    turn = rng.choice([-1, 1]) * rng.uniform(0, np.pi) + np.cumsum(rng.normal(0, 0.045, take))
    turn = np.where(np.sin(turn) < -0.6, -turn, turn)  # under an artery there is muscle
    radius = np.linspace(begins, begins + 0.6 * (ends - begins), take)
    gap = rng.uniform(0, 3.5) + np.sin(np.arange(take) * STEP / rng.uniform(4, 12)) * rng.uniform(0, 1.2)
    away = (wall + radius + np.maximum(gap, 0.0))[:, None]
    course = along + away * (np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * normal)

    z, phi = heart.coordinates(course[-1])
    marks = [(z * part + BASE_Z * (1 - part), phi + rng.normal(0, 8)) for part in (0.6, 0.2) if z > 0]
    for _ in range(int(rng.integers(0, 4))):  # along the groove
        phi += 25 if rng.random() < 0.7 else -25
        marks.append((BASE_Z + rng.normal(0, 2), phi))
    if not marks:
        return course, radius
    height = ends + maker.gap + rng.uniform(-0.5, 2.5)
    way = np.array([heart.place(*mark) for mark in marks])
    way = heart.press(way, height, rounds=16)
    line = spline(np.vstack([course[: -int(2 / STEP) : int(3 / STEP)], course[-1:], way]))
    return line, np.interp(np.linspace(0, 1, len(line)), [0, 1], [begins, ends])
