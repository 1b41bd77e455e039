"""How vessels are drawn on a heart: courses that meet nothing, branches, diameters.

Diameters: mean and SD of CT controls (PMC8620029: LM, and LAD, LCx, RCA at their proximal, middle and distal
part), scaled for dominance as Dodge et al., Circulation 1992. At a bifurcation the children follow Finet's
ratio, parent = 0.678 (child + child) (Finet et al., EuroIntervention 2008).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.phantom.anatomy import Chest

from .paths import Epicardium, lay, spline, takeoff
from .tree import Branch
from .tubes import STEP

__all__ = ["LEAVING", "SHORTEST", "TreeMaker"]

FINET = 0.678
ATTEMPTS = 6
LEAVING = int(7 / STEP)
"""Points of a child that may still lie in its parent."""
TAKEOFF = (35.0, 85.0)
"""Smallest and largest angle (degrees) between a side branch's first piece and its parent's onward direction.
With its own limits LCx parts from LAD at 78 +- 29 degrees; 75 +- 23 in Medrano-Gracia et al. (2016)."""
SHORTEST = 12.0
"""Length (mm) under which a side branch is not drawn."""
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
            late = attempt >= ATTEMPTS - 3 and len(controls) > 3
            marks = np.array(controls[1:] if late else controls, float)
            marks += self.rng.normal(0, [1.5, 2.5], marks.shape)
            points = lay(self.rng, self.heart, marks, height, self.tortuosity * 0.8**attempt, start)
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
        """From inside the aorta through the ostium to 4 mm outside, or around the aorta by a detour."""
        ostium, out = self.chest.ostia[side]
        onward = self.chest.detours.get(side, [ostium + 4.0 * out])
        return np.vstack([ostium - 2.0 * out, ostium - 0.5 * out, ostium + 2.0 * out, *onward])

    def leave(self, parent, at, target, reach, angles):
        """The first `reach` mm of a child of `parent` (N, 3) at point `at`, towards heart coordinates."""
        goal = self.heart.press(self.heart.place(*target)[None], self.gap)[0]
        return takeoff(parent, at, goal, reach, angles)

    def main_profile(self, name, length, factor=1.0):
        shift = self.rng.normal(0, 0.6)
        d = [factor * self.size * (m + sd * (shift + self.rng.normal(0, 0.35))) for m, sd in CONTROLS[name]]
        d = np.maximum.accumulate(np.maximum(d, 1.1)[::-1])[::-1]
        s = np.linspace(0, 1, round(length / STEP) + 1)
        return np.interp(s, [0.05, 0.45, 0.9, 1.0], [*d, max(0.55 * d[2], 0.9)]) / 2

    def add(self, name, parent, points, radius):
        radius = radius[: len(points)]
        branch = Branch(name, parent, points, points.copy(), radius, radius.copy())
        self.branches.append(branch)
        return branch

    def side_branch(self, name, parent: Branch, at_mm, targets, length, ratio=None, inward=False):
        """A child of `parent`; `targets` are heart-coordinate steps from the place where it leaves."""
        i = int(np.clip(at_mm / STEP, 4, len(parent.points) - 12))
        start, parent_radius = parent.points[i], parent.radius[i]
        ratio = self.rng.uniform(0.52, 0.76) if ratio is None else ratio
        child_radius = ratio * parent_radius
        z, phi = self.heart.coordinates(start)
        if inward:
            n = self.heart.normal(start[None])[0]
            along = self.chest.to_patient.inv().apply(self.chest.frame.a)
            goal = start + length * (-0.85 * n + 0.5 * along) + self.rng.normal(0, 2, 3)
            points = spline([start, (start + goal) / 2 + self.rng.normal(0, 1, 3), goal])
        else:
            controls = [(z + dz, phi + dphi) for dz, dphi in targets]
            first = self.leave(parent.points, i, controls[1], 1.2 * (parent_radius + child_radius), TAKEOFF)
            points, clear = self.lay(controls, child_radius, start=first)
            if clear * STEP < SHORTEST:  # no room for it here
                return None
            points = self.trim(points[:clear], length)
        continuing = np.clip(parent_radius / FINET - child_radius, 0.72 * parent_radius, 0.98 * parent_radius)
        self.step_down(parent, i, continuing / parent_radius)
        profile = [child_radius, 0.95 * child_radius, max(0.45, 0.55 * child_radius)]
        radius = np.interp(np.linspace(0, 1, len(points)), [0, 0.15, 1], profile)
        return self.add(name, parent.name, points, np.maximum(radius, 0.42))

    @staticmethod
    def step_down(branch: Branch, i: int, factor: float) -> None:
        """Narrow a branch past a bifurcation and give the loss back as less taper, so that its end stays."""
        s = np.arange(len(branch.points))
        step = 1 + (factor - 1) * np.clip((s - i + 2) / 6, 0, 1)
        recover = (1 / factor) ** np.clip((s - i) / max(len(s) - i, 1), 0, 1)
        branch.radius *= step * recover
        branch.reference = branch.radius.copy()
