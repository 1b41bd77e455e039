"""The coronary tree: the courses of its vessels along the grooves of the heart, in heart coordinates.

Lengths: LM 10.5 +- 5.3 mm (Medrano-Gracia et al.), LAD 109.5 +- 14.5, LCx 66.3 +- 11.6, RCA to the crux
120 to 140 mm.
"""

from __future__ import annotations

import numpy as np

from bundle.common.polylines import arc_length
from bundle.phantom.anatomy import Chest

from .maker import LEAVING, SHORTEST, TreeMaker
from .tree import Coronaries
from .tubes import STEP

__all__ = ["draw_coronaries"]


def draw_coronaries(rng: np.random.Generator, chest: Chest, dominance: str | None = None) -> Coronaries:
    """A left and a right tree with cardiac veins beside them, in scanner coordinates (mm).

    Args:
        dominance: "right", "left" or "co"; None draws it as often as it is seen.
    """
    drawn = str(rng.choice(["right", "left", "co"], p=[0.85, 0.08, 0.07]))
    dominance = dominance or drawn
    maker = TreeMaker(rng, chest)
    _left_tree(rng, maker, dominance)
    _right_tree(rng, maker, dominance)
    return Coronaries(dominance, maker.branches, _veins(rng, maker))


def _left_tree(rng, m: TreeMaker, dominance: str) -> None:
    size = m.chest.scale
    lm_length = float(np.clip(rng.normal(10.5, 4.0), 4, 20))
    lm_radius = float(np.clip(m.size * rng.normal(4.5, 0.45), 3.2, 6.2)) / 2
    apex = [(66, 91), (82, 91), (90, 92)] + ([(93, -70), (84, -86)] if rng.random() < 0.6 else [])
    courses = [(0, 106), (12, 99), (28, 95), (46, 92), *apex]
    whole = m.main_course(courses, lm_radius, m.stem("left"), dip=rng.random() < 0.2)
    n = int(lm_length / STEP)
    whole = m.trim(whole, lm_length + size * np.clip(rng.normal(109.5, 14.5), 75, 150))
    apart = "circumflex" in m.chest.ostia
    lm, lad = whole[: n + 1], whole if apart else whole[n:]
    if not apart:
        m.add("LM", None, lm, np.full(len(lm), lm_radius))
    lad = m.add("LAD", None if apart else "LM", lad, m.main_profile("LAD", STEP * (len(lad) - 1)))
    ring = [(-5, 126), (-7, 150), (-8, 176), (-8, 202)]
    length = size * np.clip(rng.normal(66.3, 11.6), 35, 100)
    factor = 0.98
    if dominance != "right":
        ring += [(-8, 228), (-7, 255)] + ([(-4, 276), (14, 275), (40, 274)] if dominance == "left" else [])
        length, factor = length + (85 if dominance == "left" else 40), 1.2 if dominance == "left" else 1.05
    start = m.stem("circumflex") if apart else m.leave(lm, n, ring[0], lm_radius + 1.6, (35, 62))
    if apart:  # around the aorta first
        length += max(arc_length(start)[-1] - 6.0, 0)
    lcx = m.main_course(ring, 1.6, start, length)
    lcx = m.add("LCx", lad.parent, lcx, m.main_profile("LCx", STEP * (len(lcx) - 1), factor))
    if rng.random() < 0.3 and not apart:
        controls = [(8, 116), (26, 126), (46, 134)]
        points, clear = m.lay(controls, 1.1, start=m.leave(lm, len(lm) - 1, controls[1], lm_radius, (25, 70)))
        if clear * STEP > SHORTEST:
            points = m.trim(points[:clear], rng.uniform(35, 75))
            r0 = 0.55 * lm_radius * rng.uniform(0.85, 1.1)
            m.add("RI", "LM", points, np.linspace(r0, max(0.5, 0.5 * r0), len(points)))
    at = rng.uniform(14, 30)
    for k in range(1, 1 + rng.choice([1, 2, 3], p=[0.2, 0.5, 0.3])):
        if at > lad.length - 25:
            break
        wide = rng.uniform(0.7, 1.3)
        course = [(10, 13 * wide), (26, 30 * wide), (42, 42 * wide)]
        m.side_branch(f"D{k}", lad, at, course, rng.uniform(30, 65) * size)
        at += rng.uniform(14, 30)
    for k in range(1, 1 + rng.integers(0, 4)):
        at, length, ratio = rng.uniform(12, 60), rng.uniform(10, 24), rng.uniform(0.32, 0.5)
        m.side_branch(f"S{k}", lad, at, (), length, ratio=ratio, inward=True)
    at = rng.uniform(12, 28)
    for k in range(1, 1 + rng.choice([1, 2, 3], p=[0.35, 0.45, 0.2])):
        if at > lcx.length - 12:
            break
        lean = rng.uniform(-8, 14)
        course = [(16, lean / 2), (36, lean), (58, lean)]
        m.side_branch(f"OM{k}", lcx, at, course, rng.uniform(30, 70) * size, rng.uniform(0.55, 0.8))
        at += rng.uniform(14, 28)


def _right_tree(rng, m: TreeMaker, dominance: str) -> None:
    size = m.chest.scale
    controls = [(-4, 46), (-6, 24), (-7, 0), (-8, -28), (-8, -56)]
    if dominance == "left":
        points = m.main_course(controls, 1.4, m.stem("right"), size * rng.uniform(60, 95))
        rca = m.add("RCA", None, points, m.main_profile("RCA", STEP * (len(points) - 1), 0.74))
    else:
        points = m.main_course([*controls, (-7, -84)], 1.7, m.stem("right"))
        rca = m.add("RCA", None, points, m.main_profile("RCA", STEP * (len(points) - 1)))
        crux = rca.length - rng.uniform(2, 8)
        if dominance == "right":
            for k in range(1, 1 + rng.integers(1, 3)):
                name = "PLV" if k == 1 else f"PLV{k}"
                course = [(-5, -22), (4, -38), (18, -46), (36, -50)]
                m.side_branch(name, rca, crux - 3.5 * k, course, rng.uniform(25, 60) * size)
        # The posterior descending artery carries the RCA on past the crux.
        controls = [(4, -86), (22, -86), (44, -87), (64, -88)]
        first = m.leave(rca.points, len(rca.points) - 1, controls[1], 4.0, (0, 80))
        points, clear = m.lay(controls, 1.1, start=first)
        pda = m.trim(points[: max(clear, LEAVING)], rng.uniform(35, 70) * size)
        r0 = 0.92 * rca.radius[-1]
        m.add("PDA", "RCA", pda, np.linspace(r0, max(0.5, 0.55 * r0), len(pda)))
    for k in range(1, 1 + rng.choice([1, 2], p=[0.65, 0.35])):
        lean = rng.uniform(-6, 10)
        at, course = rng.uniform(0.35, 0.7) * rca.length, [(14, lean), (32, lean), (52, lean)]
        m.side_branch(f"AM{k}", rca, at, course, rng.uniform(25, 55) * size, rng.uniform(0.4, 0.6))
    if rng.random() < 0.6:
        at, course = rng.uniform(5, 14), [(10, 6), (22, 12), (32, 10)]
        m.side_branch("CB", rca, at, course, rng.uniform(15, 35), rng.uniform(0.35, 0.5))


def _veins(rng, m: TreeMaker) -> list[tuple[np.ndarray, np.ndarray]]:
    """Great cardiac vein, coronary sinus, middle and lateral veins: bright tubes beside the arteries."""
    veins = []
    wide = rng.uniform(0.7, 1.3)
    groove = [(68, 97), (46, 99), (22, 103), (4, 112), (-9, 126)]
    ring = [(-12, 150), (-12, 180), (-12, 208), (-11, 235), (-13, 258)]
    great = m.vein(groove + ring, 2.2, lift=rng.uniform(0.3, 2.5))
    widths = np.interp(np.linspace(0, 1, len(great)), [0, 0.45, 0.75, 1], [0.6, 1.5, 2.4, 4.6])
    veins.append((great, wide * widths))
    middle = m.vein([(66, -94), (40, -93), (16, -92), (-4, -94), (-12, -100)], 1.6, lift=rng.uniform(0.3, 2))
    veins.append((middle, wide * np.linspace(0.7, 2.2, len(middle))))
    for _ in range(rng.integers(0, 3)):
        phi = rng.uniform(140, 215)
        lateral = m.vein([(56, phi + 4), (34, phi), (12, phi), (-10, phi - 4)], 1.2, lift=rng.uniform(0.2, 2))
        veins.append((lateral, wide * np.linspace(0.6, 1.6, len(lateral))))
    if rng.random() < 0.5:
        small = m.vein([(-9, 5), (-10, -30), (-11, -62), (-13, -88)], 1.2, lift=rng.uniform(1, 3))
        veins.append((small, wide * np.linspace(0.6, 1.5, len(small))))
    return veins
