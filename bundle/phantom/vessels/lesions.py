"""Wall disease: stenoses of 20 to 90 % with soft, mixed or calcified plaque, spots of calcium, and stents.

A lesion narrows the lumen with a rounded profile, may push its centre aside (eccentric) and may widen the
outer wall (positive remodelling, Glagov et al., NEJM 1987). The plaque is what lies between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bundle.common.polylines import tangents
from bundle.phantom.core import Contrast

from .tree import Branch, Coronaries
from .tubes import STEP

__all__ = ["Deposits", "add_disease"]

MAIN = ("LM", "LAD", "LCx", "RCA", "D1", "OM1", "PDA", "RI")


@dataclass
class Deposits:
    """Bright things to paint beside or on the lumen: lists of (points (N, 3), radii (N,), HU)."""

    calcium: list[tuple] = field(default_factory=list)
    metal: list[tuple] = field(default_factory=list)


def frame_along(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit normals at every centreline point that turn as little as possible along the curve.

    By projection; `bundle.common.polylines.frames` (double reflection) turns by other fractions of a degree,
    and would put the plaques of every seed elsewhere.
    """
    tangent = tangents(points)
    first = np.empty_like(tangent)
    n = np.cross(tangent[0], [0.3, 0.5, 0.8])
    for i, t in enumerate(tangent):
        n = n - (n @ t) * t
        n = n / max(np.linalg.norm(n), 1e-9)
        first[i] = n
    return first, np.cross(tangent, first)


def add_disease(rng: np.random.Generator, tree: Coronaries, contrast: Contrast) -> Deposits:
    """Narrow the branches of `tree` in place, record every lesion, and return calcium and stent struts."""
    deposits = Deposits()
    burden = rng.choice([0, 1, 2, 3], p=[0.3, 0.3, 0.25, 0.15])
    wall = rng.uniform(0.35, 0.8)
    for branch in tree.branches:
        branch.outer = branch.radius + wall * np.clip(branch.radius / 1.5, 0.5, 1.1)
        if branch.name not in MAIN or branch.length < 12:
            continue
        frame = frame_along(branch.vessel)
        for _ in range(rng.poisson(0.28 * burden)):
            _stenosis(rng, branch, frame, contrast, deposits)
        for _ in range(rng.poisson(0.35 * burden)):
            i = int(rng.integers(4, max(int(0.7 * len(branch.points)), 6)))
            _arc(rng, branch, frame, i, rng.uniform(0, 2 * np.pi), contrast, deposits)
    if burden and rng.random() < 0.08:
        _stent(rng, tree[str(rng.choice(["LAD", "LCx", "RCA"]))], contrast, deposits)
    return deposits


def _stenosis(rng, branch: Branch, frame, contrast: Contrast, deposits: Deposits) -> None:
    length = rng.uniform(4, np.clip(0.4 * branch.length, 5, 22))
    start = rng.uniform(2, max(min(branch.length - length - 2, 0.75 * branch.length), 2.5))
    ranges = [(x["start_mm"], x["start_mm"] + x["length_mm"]) for x in branch.lesions]
    if any(start < last + 6 and first < start + length + 6 for first, last in ranges):
        return
    degrees = [rng.uniform(0.2, 0.5), rng.uniform(0.5, 0.7), rng.uniform(0.7, 0.9)]
    severity = float(rng.choice(degrees, p=[0.5, 0.3, 0.2]))
    s = STEP * np.arange(len(branch.points))
    middle, half = start + length / 2, length / 2
    flat = rng.uniform(0.0, 0.5)
    away = np.clip((np.abs(s - middle) / half - flat) / (1 - flat), 0, 1)
    profile = 0.5 * (1 + np.cos(np.pi * away))
    before = branch.radius.copy()
    branch.radius = before * (1 - severity * profile)
    branch.outer = branch.outer * (1 + rng.uniform(0.0, 0.25) * profile)
    eccentricity = rng.uniform(0, 0.95) if rng.random() < 0.7 else 0.0
    side, up = frame
    turn = rng.uniform(0, 2 * np.pi)
    toward = np.cos(turn) * side + np.sin(turn) * up
    branch.points = branch.points + (eccentricity * (before - branch.radius))[:, None] * toward
    kind = str(rng.choice(["soft", "mixed", "calcified"], p=[0.3, 0.35, 0.35]))
    worst = int(np.argmin(branch.radius + 9.0 * (profile < 0.5)))
    branch.lesions.append(
        {
            "kind": kind,
            "start_mm": float(start),
            "length_mm": float(length),
            "at_mm": float(s[worst]),
            "percent_diameter_stenosis": float(100 * (1 - branch.radius[worst] / branch.reference[worst])),
            "minimal_lumen_diameter_mm": float(2 * branch.radius[worst]),
            "eccentricity": float(eccentricity),
            "stent": False,
        }
    )
    if kind != "soft":
        inside = np.flatnonzero(profile > 0.15)
        part = 1.0 if kind == "calcified" else rng.uniform(0.25, 0.6)
        count = max(int(part * length / 2.0), 1)
        for i in rng.choice(inside, count):
            _arc(rng, branch, frame, int(i), turn + np.pi + rng.normal(0, 0.6), contrast, deposits)


def _arc(rng, branch: Branch, frame, i: int, angle: float, contrast: Contrast, deposits: Deposits) -> None:
    """A shell of calcium between lumen and outer wall around point i, on the side `angle`."""
    side, up = frame
    gap = branch.outer[i] - branch.radius[i]
    lumen_shift = np.linalg.norm(branch.points[i] - branch.vessel[i])
    thick = np.clip(gap + lumen_shift, 0.4, 2.2) / 2 * rng.uniform(0.55, 1.0)
    ring = max(branch.outer[i] - thick, 0.3)
    sweep = rng.uniform(0.2, 1.2)
    turns = (angle + np.linspace(-sweep, sweep, 7))[:, None]
    along = np.clip(i + np.round(np.linspace(-1, 1, 7) * rng.uniform(0, 4)).astype(int), 0, len(side) - 1)
    points = branch.vessel[along] + ring * (np.cos(turns) * side[along] + np.sin(turns) * up[along])
    radii = thick * np.sqrt(np.clip(1 - np.linspace(-0.9, 0.9, 7) ** 2, 0.05, 1))
    deposits.calcium.append((points, radii, contrast.calcium * rng.uniform(0.6, 1.3)))


def _stent(rng, branch: Branch, contrast: Contrast, deposits: Deposits) -> None:
    """Two opposed helices of wire on the lumen's surface; the lumen inside may be a little narrowed."""
    length = rng.uniform(10, 28)
    first = int(rng.uniform(3, max(0.5 * branch.length, 4)) / STEP)
    last = min(first + int(length / STEP), len(branch.points) - 4)
    if last - first < 12:
        return
    part = slice(first, last)
    branch.radius[part] = np.maximum(branch.radius[part], 0.9 * branch.reference[part])
    branch.points[part] = branch.vessel[part]
    low, high = first * STEP, last * STEP
    branch.lesions = [
        x for x in branch.lesions if x["start_mm"] + x["length_mm"] < low or x["start_mm"] > high
    ]
    fine = np.linspace(first, last - 1, int(length / 0.12))
    index = np.arange(len(branch.points))
    centre, side, up = (
        np.stack([np.interp(fine, index, column) for column in vectors.T], -1)
        for vectors in (branch.vessel, *frame_along(branch.vessel))
    )
    radius = np.interp(fine, index, branch.radius)[:, None] + 0.05
    pitch, hu = rng.uniform(1.4, 2.2) / STEP, rng.uniform(1500, 3000)
    for sign in (1, -1):
        for phase in (0, np.pi):
            turn = (sign * 2 * np.pi * (fine - first) / pitch + phase)[:, None]
            wire = centre + radius * (np.cos(turn) * side + np.sin(turn) * up)
            deposits.metal.append((wire, np.full(len(wire), 0.1), hu))
    branch.lesions.append(
        {
            "kind": "stent",
            "start_mm": low,
            "length_mm": (last - first) * STEP,
            "at_mm": (first + last) / 2 * STEP,
            "percent_diameter_stenosis": 0.0,
            "minimal_lumen_diameter_mm": float(2 * branch.radius[part].min()),
            "eccentricity": 0.0,
            "stent": True,
        }
    )
