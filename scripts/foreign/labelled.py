"""Real patients' coronaries of which centrelines and names are public.

The labels of TopoLab (Zhang and others, MICCAI 2023, github.com/zutsusemi/MICCAI2023-TopoLab-Labels): JSON
files of skeletons of the CT angiograms of orCaScore, cut at their forks, each piece with a class by
readers. A file has `l_points` and `r_points`, lists of `{"point_set": [[row, column, slice], ...], "cls":
10}`, and `l_tree` and `r_tree`, lists of `[parent, child]`; piece 0 begins at the ostium. Rows run to the
back, columns to the left, slices up. The skeletons were made in voxels of 0.4 mm, which tells the scan's
spacing. Calibres are not in them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from .shapes import polyline

__all__ = ["Course", "read_labelled"]

VOXEL_MM = 0.4
STEP = 0.4
CLASSES = {
    2: "RCA", 3: "SN", 5: "AM", 6: "PDA", 7: "PLV", 8: "PLV", 9: "LM", 10: "LAD", 11: "D1", 12: "D2",
    13: "D3", 14: "RI", 15: "LCx", 16: "OM1", 17: "OM2", 18: "OM3", 29: "CB", 31: "PLV", 32: "PLV",
    33: "AM", 34: "SN", 43: "S",
}  # fmt: skip
"""What the classes are, from where they run in 20 patients: the files do not say it. SN are arteries of the
sinus node and the atria; 30, further twigs at the crux beside the PDA, is unknown."""
WIDTHS = {
    "LM": (2.05, 2.0), "LAD": (1.8, 0.7), "LCx": (1.6, 0.8), "RCA": (1.75, 1.1), "RI": (1.05, 0.6),
    "D": (1.0, 0.6), "OM": (0.95, 0.6), "PDA": (0.95, 0.6), "PLV": (0.95, 0.6),
}  # fmt: skip
"""Radii, mm, where a vessel begins and at its tip, as means of the literature have them; others THIN."""
THIN = (0.75, 0.55)


@dataclass
class Course:
    """A vessel: points (N, 3) RAS mm every 0.4 mm from its parent's line on, radius (N,), mm, and the index
    of the parent or -1.
    """

    name: str
    points: np.ndarray
    radius: np.ndarray
    parent: int


def read_labelled(path: str | Path) -> list[Course]:
    """Vessels of both trees, each after its parent. Several may have one name.

    Raises:
        KeyError, ValueError: the file is not of the form above.
    """
    content = json.loads(Path(path).read_text())
    every = np.array(
        [p for side in "lr" for part in content[f"{side}_points"] for p in part["point_set"]], float
    )
    spacing = np.array([VOXEL_MM / _step_of(values - values[0]) for values in every.T])
    found: list[Course] = []
    for side in "lr":
        parts = content[f"{side}_points"]
        lines = [np.array(part["point_set"], float) * spacing for part in parts]
        lines = [np.stack([-line[:, 1], -line[:, 0], line[:, 2]], 1) for line in lines]
        names = [CLASSES.get(part["cls"], "unknown") for part in parts]
        _follow(found, lines, names, content[f"{side}_tree"], 0, np.zeros((0, 3)), -1)
    return found


def _step_of(values: np.ndarray) -> float:
    """The largest step of which all values are about a multiple; they may be rounded to one decimal."""
    steps = np.linspace(0.5, 2.4, 38001)
    fits = np.array([np.cos(2 * np.pi * values / step).mean() for step in steps])
    if fits.max() < 0.8:
        raise ValueError("the points do not lie on the voxels of a grid")
    good = np.flatnonzero(fits > fits.max() - 0.02)  # of each step that divides the values
    largest = good[np.flatnonzero(np.diff(good, prepend=-10) > 1)[-1] :]
    return float(steps[largest[fits[largest].argmax()]])


def _follow(found: list[Course], lines, names, edges, first: int, before: np.ndarray, parent: int) -> None:
    """Adds the vessel that begins with a piece, and those that leave it; `before` (M, 3) is put in front."""
    own, way, at = [before, lines[first]], first, [first]
    while True:
        onward = [b for a, b in edges if a == way and names[b] == names[first]]
        if not onward:
            break
        way = max(onward, key=lambda b: len(lines[b]))
        own.append(lines[way])
        at.append(way)
    points = np.vstack(own)
    points = points[np.r_[True, np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-6]]
    number = parent
    if len(points) > 2:
        line = polyline(points[::2] if len(points) > 40 and _gap(points) < 1.0 else points, STEP)
        line[1:-1] = ndimage.gaussian_filter1d(line, 2.0, axis=0, mode="nearest")[1:-1]
        family = names[first].rstrip("0123456789")
        found.append(Course(names[first], line, np.linspace(*WIDTHS.get(family, THIN), len(line)), parent))
        number = len(found) - 1
    for piece in at:
        for a, b in edges:
            if a == piece and b not in at:
                _follow(found, lines, names, edges, b, lines[piece][-1:], number)


def _gap(points: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(np.diff(points, axis=0), axis=1)))
