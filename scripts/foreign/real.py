"""Courses of real patients' coronaries, laid on a drawn heart.

Either files of VMTK, `lca_cl.vtp` and `rca_cl.vtp`: lines from the aorta to every tip with their
`MaximumInscribedSphereRadius` (mm), in LPS. Or JSON files of readers' labels (labelled.py), one a patient.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .heart import leaves_aorta
from .labelled import read_labelled
from .shapes import polyline, sample
from .vessels import STEP, Surface, Vessel

__all__ = ["lay_real", "read_lines", "similarity"]

LUMEN_MM = 3.2
"""A wider sphere is still in the aorta."""
LEAST_MM = 0.5
"""No radius is smaller: readers do not draw such vessels, and in voxels they come apart."""


def read_lines(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lines of a .vtp in ASCII as points (N, 3) RAS mm and radius (N,), from where they leave the aorta."""
    piece = ElementTree.parse(path).getroot().find("PolyData/Piece")

    def values(place: str, kind: type) -> np.ndarray:
        return np.array(piece.find(place).text.split(), kind)

    radius = values("PointData/DataArray[@Name='MaximumInscribedSphereRadius']", float)
    points = values("Points/DataArray", float).reshape(-1, 3) * [-1, -1, 1]
    order = values("Lines/DataArray[@Name='connectivity']", int)
    ends = values("Lines/DataArray[@Name='offsets']", int)
    lines = []
    for part in np.split(order, ends[:-1]):
        begin = int(np.flatnonzero(radius[part] > LUMEN_MM)[-1]) + 1 if radius[part].max() > LUMEN_MM else 0
        lines.append((points[part[begin:]], radius[part[begin:]]))
    return lines


def tree_of(name: str, lines) -> list[Vessel]:
    """The longest line, and of each other one what does not run in those before."""
    lines = sorted(lines, key=lambda line: -np.linalg.norm(np.diff(line[0], axis=0), axis=1).sum())
    vessels: list[Vessel] = []
    for number, (points, radius) in enumerate(lines):
        parent, begin = None, 0
        if vessels:
            apart, near = cKDTree(np.vstack([v.points for v in vessels])).query(points)
            shared = np.flatnonzero(apart < 0.7)
            begin = int(shared[-1]) if len(shared) else 0
            which = np.searchsorted(np.cumsum([len(v.points) for v in vessels]), near[begin], side="right")
            parent = vessels[which].name
        line = polyline(ndimage.gaussian_filter1d(points[begin:], 2, axis=0, mode="nearest"), STEP)
        if len(line) * STEP < 8:
            continue
        width = np.interp(
            np.linspace(0, 1, len(line)), np.linspace(0, 1, len(points) - begin), radius[begin:]
        )
        label = name if not number else f"{name}{number + 1}"
        vessels.append(Vessel(label, parent, line, ndimage.gaussian_filter1d(width, 3)))
    return vessels


def trees_of(folder: Path, seed: int) -> tuple[list[Vessel], list[Vessel], str]:
    """The left and the right tree in a folder, and whose; of several patients the one whose turn it is.

    The first vessel of each begins at the ostium: on the left the left main with the anterior descending
    artery.
    """
    patients = sorted(folder.glob("*.json"))
    if not patients:
        left, right = (
            tree_of(name, read_lines(folder / f"{name.lower()}_cl.vtp")) for name in ("LCA", "RCA")
        )
        return left, right, folder.name
    patient = patients[seed % len(patients)]
    courses = read_labelled(patient)
    main = next(i for i, c in enumerate(courses) if c.name == "LM")
    onward = next(i for i, c in enumerate(courses) if c.name == "LAD" and c.parent == main)
    begins = [i for i, c in enumerate(courses) if c.parent < 0]
    label = {i: f"{c.name}-{i}" for i, c in enumerate(courses)} | {onward: f"LM-{main}"}
    sides: list[list[Vessel]] = [[] for _ in begins]
    side = {}
    for i, c in enumerate(courses):
        side[i] = begins.index(i) if c.parent < 0 else side[c.parent]
        points, radius = c.points, c.radius
        if i == main:
            points = np.vstack([points, courses[onward].points[1:]])
            radius = np.concatenate([radius, courses[onward].radius[1:]])
        if i != onward and (len(points) * STEP >= 8 or c.parent < 0):
            sides[side[i]].append(Vessel(label[i], None if c.parent < 0 else label[c.parent], points, radius))
    for vessels in sides:  # what leaves a vessel that is left out is left out too
        for v in list(vessels):
            if v.parent is not None and v.parent not in {w.name for w in vessels}:
                vessels.remove(v)
    return sides[0], sides[1], patient.stem


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scaled rotation (3, 3) and shift (3,) that bring points nearest to others (Umeyama, 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    flip = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = u @ flip @ vt * np.trace(np.diag(s) @ flip) / (a**2).sum()
    return turn, target.mean(0) - turn @ source.mean(0)


def lay_real(
    rng: np.random.Generator, surface: Surface, folder: Path, seed: int
) -> tuple[list[Vessel], dict]:
    """A patient's two trees on a drawn heart: similar, bent a little, pressed on its surface.

    Args:
        folder: of the files that `trees_of` reads. seed: says which patient of several.
    """
    h = surface.heart
    left, right, patient = trees_of(folder, seed)
    front, back = left[0].points, right[0].points
    edge = back[np.argmax(back[:, 0])]  # the acute margin
    known = np.array([front[0], front[len(front) // 2], front[-1], edge, back[-1]])
    marks = [(0, 112), (38, 94), (80, 91), (-6, 2), (2, -88)]
    goal = np.array([surface.nodes[surface.landmark(*mark)] for mark in marks])
    turn, shift = similarity(known, goal + rng.normal(0, 2.5, goal.shape))
    calibre, gap = float(np.exp(rng.normal(0, 0.15))), rng.uniform(0.3, 2.0)
    waves = [(rng.normal(0, 1, 3) / 25, rng.uniform(0, 6.3), rng.normal(0, 1.0, 3)) for _ in range(5)]
    done: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # similar line and what it was moved by
    vessels = []
    for v in [*left, *right]:
        line = v.points @ turn.T + shift
        line = line + sum(np.sin(line @ w + phase)[:, None] * way for w, phase, way in waves)
        moved = pressed(surface, line, calibre * v.radius + gap) - line
        if v.parent:
            base, by = done[v.parent]
            start = by[cKDTree(base).query(line[0])[1]]
            moved += (start - moved[0]) * np.exp(-np.arange(len(line)) * STEP / 12)[:, None]
        if v.parent is None:  # to where the aorta lies on this heart
            stem = leaves_aorta(h, float(rng.uniform(11, 17)), (line + moved)[int(10 / STEP)])
            moved += (stem[-1] - (line + moved)[0]) * np.exp(-np.arange(len(line)) * STEP / 30)[:, None]
        done[v.name] = (line, moved)
        points, radius = line + moved, np.maximum(calibre * v.radius, LEAST_MM)
        if v.parent is None:
            keep = np.linalg.norm(points - stem[-1], axis=1) > 4
            keep[: int(np.argmax(keep))] = False
            joined = np.vstack([stem[::4], points[keep][::4]])
            points = polyline(ndimage.gaussian_filter1d(joined, 0.7, axis=0, mode="nearest"), STEP)
            radius = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, len(radius)), radius)
        vessels.append(Vessel(v.name, v.parent, points, radius))
    return vessels, {
        "patient": patient,
        "calibre": calibre,
        "gap_mm": gap,
        "dominance": "right",
        "scale": float(np.cbrt(np.linalg.det(turn))),
    }


def pressed(surface: Surface, line: np.ndarray, height: np.ndarray) -> np.ndarray:
    """A line (N, 3) moved smoothly until it lies at `height` (N,) mm over the heart."""
    lattice, line = surface.heart.lattice, line.copy()
    for _ in range(40):
        now = sample(surface.depth, lattice, line)
        slope = np.stack([sample(surface.depth, lattice, line + e) - sample(surface.depth, lattice, line - e)
                          for e in 1.5 * np.eye(3)], 1)  # fmt: skip
        slope /= np.linalg.norm(slope, axis=1, keepdims=True) + 1e-6
        step = 0.3 * (height - now)[:, None] * slope
        line += ndimage.gaussian_filter1d(step, 8.0, axis=0, mode="nearest")
    return line
