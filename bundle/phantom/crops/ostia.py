"""Where the coronaries leave the aorta: moved along its wall, without a left main, from the wrong sinus."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from bundle.phantom.anatomy import Chest, on_wall
from bundle.phantom.core import fields as f

APART, HIGH, ANOMALOUS = 0.05, 0.06, 0.05
"""Part of the patients without a left main, whose LAD and circumflex have an ostium each; of the ostia that
lie above the sinus; and of the patients with a vessel from the wrong sinus, of whom some 1 % are seen
(Angelini, Circulation 2007)."""

TURNS = {"left": (-12, 30), "right": (-30, 12)}
"""Degrees by which an ostium is moved around the aorta, seen from above; beyond lies the pulmonary trunk."""

STEP_DEG = 12.0


def other_ostia(rng: np.random.Generator, chest: Chest) -> None:
    """Move the ostia around the aorta and along it, in place, and in some patients add a "circumflex" one.

    A whole phantom's ostia differ by 8 degrees and 2 mm, and real ones by more.
    """
    for side, bounds in TURNS.items():
        turn = np.clip(rng.normal(np.mean(bounds) / 3, 12), *bounds)
        lift = rng.uniform(6, 14) if rng.random() < HIGH else rng.normal(0, 2.0)
        chest.ostia[side] = _moved(chest, chest.ostia[side], turn, lift)
    if rng.random() < APART:  # behind the LAD's
        lower = rng.normal(-1.5, 1.5)
        chest.ostia["circumflex"] = _moved(chest, chest.ostia["left"], rng.uniform(18, 30), lower)
    if rng.random() < ANOMALOUS:
        (_circumflex_from_the_right if rng.random() < 0.6 else _right_from_the_left)(rng, chest)


def _circumflex_from_the_right(rng: np.random.Generator, chest: Chest) -> None:
    """The circumflex begins beside the right coronary and runs behind the aorta to its groove."""
    right = chest.ostia["right"]
    sweep = _angle(chest) - 360 + rng.uniform(25, 45)
    _around(rng, chest, "circumflex", right, -rng.uniform(18, 32), sweep, rng.uniform(-4, 0))


def _right_from_the_left(rng: np.random.Generator, chest: Chest) -> None:
    """The right coronary begins beside the left one and runs between aorta and pulmonary trunk."""
    left = chest.ostia["left"]
    sweep = -_angle(chest) + rng.uniform(0, 15)
    _around(rng, chest, "right", left, -rng.uniform(14, 26), sweep, rng.uniform(0, 3))


def _angle(chest: Chest) -> float:
    """Degrees from the right ostium by the pulmonary trunk to the left one."""
    right, left = (chest.ostia[side][1] for side in ("right", "left"))
    return float(np.degrees(np.arctan2(np.cross(right, left) @ chest.up, right @ left))) % 360


def _around(rng, chest: Chest, side: str, beside, first: float, last: float, lift: float) -> None:
    """An ostium at `first` degrees from another, and from there a course on the aorta's wall to `last`."""
    ostium = _moved(chest, beside, first, rng.normal(0, 1.5))
    count = max(int(abs(last - first) / STEP_DEG), 2)
    gap = rng.uniform(1.6, 2.6)  # radius and wall
    course = []
    for turn, part in zip(np.linspace(first, last, count + 1)[1:], np.linspace(0, 1, count + 1)[1:]):
        point, out = _moved(chest, beside, turn, part * lift)
        course.append(point + gap * out)
    chest.ostia[side], chest.detours[side] = ostium, np.array(course)


def _moved(chest: Chest, ostium, turn: float, lift: float):
    """An ostium moved by degrees around the aorta's axis and by mm along it, again on the wall."""
    point, out = ostium
    inward = point - np.arange(0.5, 60, 0.5)[:, None] * out
    width = 0.5 * (1 + int(np.argmax(f.sample(chest.aorta, chest.grid, inward) > 0)))
    toward = Rotation.from_rotvec(np.radians(turn) * chest.up).apply(out)
    return on_wall(chest, point - out * width / 2 + lift * chest.up, toward)
