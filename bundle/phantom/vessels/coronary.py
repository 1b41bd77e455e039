"""The coronary tree: courses along the grooves, branches, diameters.

Diameters: mean and SD of CT controls (PMC8620029: LM, and LAD, LCx, RCA at their proximal, middle and distal
part), scaled for dominance as Dodge et al., Circulation 1992. At a bifurcation the daughters follow Finet's
ratio, mother = 0.678 (daughter + daughter) (Finet et al., EuroIntervention 2008). Lengths: LM 10.5 +- 5.3 mm
(Medrano-Gracia et al.), LAD 109.5 +- 14.5, LCx 66.3 +- 11.6, RCA to the crux 120 to 140 mm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from bundle.phantom.anatomy import Chest

from . import paths
from .paths import Epicardium, lay
from .tubes import STEP

FINET = 0.678
ATTEMPTS = 6
LEAVING = int(7 / STEP)
"""Points of a daughter that may still lie in its mother."""
TAKEOFF = (35.0, 85.0)
"""Smallest and largest angle (degrees) between a side branch's first piece and its mother's onward direction.
With its own limits LCx parts from LAD at 78 +- 29 degrees; 75 +- 23 in Medrano-Gracia et al. (2016)."""
SHORTEST = 12.0
"""Length (mm) under which a side branch is not drawn."""


@dataclass
class Branch:
    """One vessel from its origin to its tip. `points` (N, 3) mm are the lumen's centreline, 0.5 mm apart."""

    name: str
    parent: str | None
    points: np.ndarray
    radius: np.ndarray
    """Lumen radius (mm) at every point, lesions included."""
    reference: np.ndarray = field(default=None)
    """Radius (mm) of the same vessel without lesions."""
    vessel: np.ndarray = field(default=None)
    """Centre of the outer wall (N, 3); it leaves the lumen's centre where a plaque is eccentric."""
    outer: np.ndarray = field(default=None)
    """Radius (mm) of the outer wall."""
    lesions: list[dict] = field(default_factory=list)

    def __post_init__(self):
        if self.reference is None:
            self.reference = self.radius.copy()
        if self.vessel is None:
            self.vessel = self.points.copy()

    @property
    def length(self) -> float:
        return STEP * (len(self.points) - 1)


@dataclass
class Coronaries:
    dominance: str
    branches: list[Branch]
    veins: list[tuple[np.ndarray, np.ndarray]]

    def __getitem__(self, name: str) -> Branch:
        return next(b for b in self.branches if b.name == name)


CONTROLS = {  # diameter mm, mean and SD at 5, 45 and 90 % of the length
    "LAD": ((3.54, 0.50), (2.41, 0.40), (1.64, 0.35)),
    "LCx": ((3.07, 0.50), (2.30, 0.45), (1.62, 0.40)),
    "RCA": ((3.43, 0.50), (3.19, 0.50), (2.50, 0.45)),
}


class TreeMaker:
    """Draws one coronary tree on a heart."""

    def __init__(self, rng: np.random.Generator, chest: Chest):
        self.rng, self.chest, self.heart = rng, chest, Epicardium(chest)
        # Nitroglycerine, given before most CTAs, widens the arteries by 10 to 20 %.
        self.size = chest.scale * float(np.clip(rng.normal(1.15, 0.11), 0.85, 1.5))
        self.tortuosity = float(rng.lognormal(0, 0.45))
        self.gap = rng.uniform(0.3, 2.2)
        self.branches: list[Branch] = []

    def lay(self, controls, radius, start=None, lift=0.0, dip=False):
        """A course through heart coordinates, drawn again and straighter while it meets an artery or itself.

        The last attempts leave out the first landmark, which may lie behind the origin.

        Returns:
            the points (N, 3), and how many of them are clear.
        """
        height = np.full(40, radius + self.gap + lift)
        if dip:  # a myocardial bridge
            at = self.rng.integers(12, 26)
            height[at : at + 6] = -self.rng.uniform(1.0, 3.0)
        best, most = None, -1.0
        for attempt in range(ATTEMPTS):
            marks = np.array(
                controls[1:] if attempt >= ATTEMPTS - 3 and len(controls) > 3 else controls, float
            )
            marks += self.rng.normal(0, [1.5, 2.5], marks.shape)
            tortuosity = self.tortuosity * 0.8**attempt
            points = lay(self.rng, self.heart, marks, height, tortuosity, start)
            clear = self.clear_points(points, radius)
            if clear / len(points) > most:
                best, most, count = points, clear / len(points), clear
            if clear == len(points):
                break
        return best, count

    def vein(self, controls, radius, lift):
        height = radius + self.gap + lift
        return lay(self.rng, self.heart, np.array(controls, float), height, self.tortuosity)

    def clear_points(self, points, radius) -> int:
        """Points of a course before it meets another artery, or itself, past its first 7 mm."""
        fold = int((4 * radius + 4) / STEP)
        near = cKDTree(points).query_ball_point(points, 2 * radius + 0.6)
        touched = np.array([max(n) - i > fold for i, n in enumerate(near)])
        # Of two passes the later one is at fault.
        met = [max(n) for n, hit in zip(near, touched) if hit]
        first = min(met) if met else len(points)
        if self.branches:
            others = cKDTree(np.vstack([b.points for b in self.branches]))
            radii = np.concatenate([b.radius for b in self.branches])
            distance, which = others.query(points[LEAVING:])
            hits = np.flatnonzero(distance < radii[which] + radius + 0.4)
            if len(hits):
                first = min(first, LEAVING + int(hits[0]))
        return first

    def main_course(self, controls, radius, start, length=None, dip=False):
        points, _ = self.lay(controls, radius, start, dip=dip)
        return points if length is None else self.trim(points, length)

    def trim(self, points, length):
        return points[: max(int(length / STEP) + 1, 8)]

    def stem(self, side):
        """From inside the aorta through the ostium to 4 mm outside."""
        ostium, out = self.chest.ostia[side]
        return np.array([ostium - 2.0 * out, ostium - 0.5 * out, ostium + 2.0 * out, ostium + 4.0 * out])

    def leave(self, mother, at, target, reach, angles):
        """The first `reach` mm of a daughter of `mother` (N, 3) at point `at`, towards heart coordinates."""
        goal = self.heart.press(self.heart.place(*target)[None], self.gap)[0]
        return paths.takeoff(mother, at, goal, reach, angles)

    def main_profile(self, name, length, factor=1.0):
        shift = self.rng.normal(0, 0.6)
        d = [factor * self.size * (m + sd * (shift + self.rng.normal(0, 0.35))) for m, sd in CONTROLS[name]]
        d = np.maximum.accumulate(np.maximum(d, 1.1)[::-1])[::-1]
        s = np.linspace(0, 1, round(length / STEP) + 1)
        tip = max(0.55 * d[2], 0.9)
        return np.interp(s, [0.05, 0.45, 0.9, 1.0], [*d, tip]) / 2

    def add(self, name, parent, points, radius):
        branch = Branch(name, parent, points, radius[: len(points)])
        self.branches.append(branch)
        return branch

    def side_branch(self, name, parent: Branch, at_mm, targets, length, ratio=None, inward=False):
        """A daughter of `parent`; `targets` are heart-coordinate steps from the place where it leaves."""
        i = int(np.clip(at_mm / STEP, 4, len(parent.points) - 12))
        mother = parent.radius[i]
        start = parent.points[i]
        ratio = self.rng.uniform(0.52, 0.76) if ratio is None else ratio
        daughter = ratio * mother
        z, phi = self.heart.coordinates(start)
        if inward:
            n = self.heart.normal(start[None])[0]
            along = self.chest.to_patient.inv().apply(self.chest.frame.a)
            goal = start + length * (-0.85 * n + 0.5 * along) + self.rng.normal(0, 2, 3)
            points = paths.spline([start, (start + goal) / 2 + self.rng.normal(0, 1, 3), goal])
        else:
            controls = [(z + dz, phi + dphi) for dz, dphi in targets]
            first = self.leave(parent.points, i, controls[1], 1.2 * (mother + daughter), TAKEOFF)
            points, clear = self.lay(controls, daughter, start=first)
            if clear * STEP < SHORTEST:  # no room for it here
                return None
            points = self.trim(points[:clear], length)
        continuing = np.clip(mother / FINET - daughter, 0.72 * mother, 0.98 * mother) / mother
        self.step_down(parent, i, continuing)
        tip = max(0.45, 0.55 * daughter)
        radius = np.interp(np.linspace(0, 1, len(points)), [0, 0.15, 1], [daughter, 0.95 * daughter, tip])
        return self.add(name, parent.name, points, np.maximum(radius, 0.42))

    @staticmethod
    def step_down(branch: Branch, i: int, factor: float) -> None:
        """Narrow a branch past a bifurcation and give the loss back as less taper, so that its end stays."""
        s = np.arange(len(branch.points))
        step = 1 + (factor - 1) * np.clip((s - i + 2) / 6, 0, 1)
        recover = (1 / factor) ** np.clip((s - i) / max(len(s) - i, 1), 0, 1)
        branch.radius *= step * recover
        branch.reference = branch.radius.copy()


def draw_coronaries(rng: np.random.Generator, chest: Chest) -> Coronaries:
    """A left and a right tree with cardiac veins beside them, in scanner coordinates (mm)."""
    dominance = str(rng.choice(["right", "left", "co"], p=[0.85, 0.08, 0.07]))
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
    lm, lad = whole[: n + 1], whole[n:]
    m.add("LM", None, lm, np.full(len(lm), lm_radius))
    lad = m.add("LAD", "LM", lad, m.main_profile("LAD", STEP * (len(lad) - 1)))
    ring = [(-5, 126), (-7, 150), (-8, 176), (-8, 202)]
    length = size * np.clip(rng.normal(66.3, 11.6), 35, 100)
    factor = 0.98
    if dominance != "right":
        ring += [(-8, 228), (-7, 255)] + ([(-4, 276), (14, 275), (40, 274)] if dominance == "left" else [])
        length, factor = length + (85 if dominance == "left" else 40), 1.2 if dominance == "left" else 1.05
    lcx = m.main_course(ring, 1.6, m.leave(lm, len(lm) - 1, ring[0], lm_radius + 1.6, (35, 62)), length)
    lcx = m.add("LCx", "LM", lcx, m.main_profile("LCx", STEP * (len(lcx) - 1), factor))
    if rng.random() < 0.3:
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
        m.side_branch(
            f"D{k}", lad, at, [(10, 13 * wide), (26, 30 * wide), (42, 42 * wide)], rng.uniform(30, 65) * size
        )
        at += rng.uniform(14, 30)
    for k in range(1, 1 + rng.integers(0, 4)):
        m.side_branch(
            f"S{k}",
            lad,
            rng.uniform(12, 60),
            (),
            rng.uniform(10, 24),
            ratio=rng.uniform(0.32, 0.5),
            inward=True,
        )
    at = rng.uniform(12, 28)
    for k in range(1, 1 + rng.choice([1, 2, 3], p=[0.35, 0.45, 0.2])):
        if at > lcx.length - 12:
            break
        lean = rng.uniform(-8, 14)
        m.side_branch(
            f"OM{k}",
            lcx,
            at,
            [(16, lean / 2), (36, lean), (58, lean)],
            rng.uniform(30, 70) * size,
            ratio=rng.uniform(0.55, 0.8),
        )
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
                m.side_branch(
                    "PLV" if k == 1 else f"PLV{k}",
                    rca,
                    crux - 3.5 * k,
                    [(-5, -22), (4, -38), (18, -46), (36, -50)],
                    rng.uniform(25, 60) * size,
                )
        # The posterior descending artery carries the RCA on past the crux.
        controls = [(4, -86), (22, -86), (44, -87), (64, -88)]
        first = m.leave(rca.points, len(rca.points) - 1, controls[1], 4.0, (0, 80))
        points, clear = m.lay(controls, 1.1, start=first)
        pda = m.trim(points[: max(clear, LEAVING)], rng.uniform(35, 70) * size)
        r0 = 0.92 * rca.radius[-1]
        m.add("PDA", "RCA", pda, np.linspace(r0, max(0.5, 0.55 * r0), len(pda)))
    for k in range(1, 1 + rng.choice([1, 2], p=[0.65, 0.35])):
        lean = rng.uniform(-6, 10)
        m.side_branch(
            f"AM{k}",
            rca,
            rng.uniform(0.35, 0.7) * rca.length,
            [(14, lean), (32, lean), (52, lean)],
            rng.uniform(25, 55) * size,
            ratio=rng.uniform(0.4, 0.6),
        )
    if rng.random() < 0.6:
        m.side_branch(
            "CB",
            rca,
            rng.uniform(5, 14),
            [(10, 6), (22, 12), (32, 10)],
            rng.uniform(15, 35),
            ratio=rng.uniform(0.35, 0.5),
        )


def _veins(rng, m: TreeMaker) -> list[tuple[np.ndarray, np.ndarray]]:
    """Great cardiac vein, coronary sinus, middle and lateral veins: bright tubes beside the arteries."""
    veins = []
    wide = rng.uniform(0.7, 1.3)
    great = m.vein(
        [
            (68, 97),
            (46, 99),
            (22, 103),
            (4, 112),
            (-9, 126),
            (-12, 150),
            (-12, 180),
            (-12, 208),
            (-11, 235),
            (-13, 258),
        ],
        2.2,
        lift=rng.uniform(0.3, 2.5),
    )
    veins.append(
        (great, wide * np.interp(np.linspace(0, 1, len(great)), [0, 0.45, 0.75, 1], [0.6, 1.5, 2.4, 4.6]))
    )
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
