"""How some patients differ from whole phantoms: the heart's lie, dominance, more branches, occlusions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from bundle.phantom.anatomy import Chest, HeartFrame
from bundle.phantom.vessels import STEP, Branch, Coronaries, TreeMaker

RICH, OCCLUDED, DOMINANT, LYING, SWUNG = 0.5, 0.12, 0.25, 0.6, 0.5
"""Part of the patients with more branches, with an occlusion, with another dominance for sure, with a heart
that lies as those of real patients do, and with vessels beside the grooves of the heart."""

_LIE, _LIE_SD = np.array([16.0, 9.4, 6.5]), 6.0
"""Rotation vector, degrees in RAS, from the mean heart of a whole phantom to that of 20 patients, whose trees
readers had named (bundle/geometry/naming/read.py), and its spread about each axis."""

_COURSE = np.array([(10, 10), (24, 24), (40, 34)])  # along the heart's axis (mm) and around it (degrees)


def other_lie(rng: np.random.Generator) -> Callable[[HeartFrame], HeartFrame]:
    """What turns a heart about the base's middle to a lie of real ones, or somewhat beyond, or leaves it."""
    if rng.random() > LYING:
        return lambda drawn: drawn
    turn = Rotation.from_rotvec(_LIE * rng.uniform(0.3, 1.4) + rng.normal(0, _LIE_SD, 3), degrees=True)
    return lambda drawn: drawn.turned(turn)


def swung_courses(rng: np.random.Generator, chest: Chest) -> None:
    """In half of the patients, arteries and veins alike run beside the grooves, in place: no vessel is then
    known by the groove alone."""
    if rng.random() < SWUNG:
        chest.swing = rng.normal(0, [[3.0, 6.0], [2.0, 4.0], [2.0, 4.0]])


def other_dominance(rng: np.random.Generator) -> str | None:
    """Left ("left") or shared ("co") in a quarter of the patients, else None.

    The circumflex then runs on along the coronary sinus and the middle cardiac vein, and one must not be
    taken for the other.
    """
    return str(rng.choice(["left", "co"], p=[0.65, 0.35])) if rng.random() < DOMINANT else None


def more_branches(rng: np.random.Generator, chest: Chest, tree: Coronaries) -> None:
    """Add up to eight side branches to `tree` in place, in half of the patients, to any vessel that has room.

    Must come before the disease is drawn: a branch narrows its parent behind it.
    """
    if rng.random() > RICH:
        return
    maker = TreeMaker(rng, chest)
    maker.branches = tree.branches
    for k in range(int(rng.integers(2, 9))):
        wide = [b for b in tree.branches if b.length > 20 and b.radius[len(b.radius) // 2] > 0.5]
        parent = wide[int(rng.integers(len(wide)))]
        course = _COURSE * rng.choice([-1, 1], 2) * rng.uniform(0.4, 1.3, 2)
        at, length = rng.uniform(0.15, 0.85) * parent.length, rng.uniform(14, 55)
        maker.side_branch(f"X{k}", parent, at, course, length, rng.uniform(0.4, 0.75))


def occluded(rng: np.random.Generator, tree: Coronaries) -> dict[str, slice]:
    """The points of a vessel where it is closed, by the vessel's name; of most patients none."""
    long = [b for b in tree.branches if b.length > 45]
    if not long or rng.random() > OCCLUDED:
        return {}
    branch: Branch = long[int(rng.integers(len(long)))]
    length = rng.uniform(4, 20)
    first = int(rng.uniform(12, branch.length - length - 10) / STEP)
    return {branch.name: slice(first, first + int(length / STEP))}
