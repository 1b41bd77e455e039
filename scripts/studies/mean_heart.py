"""The mean heart of patients, on which vessels are named.

    python scripts/study.py mean_heart --folder data/real/courses

The JSON files are those of `real_names`. Trees are brought onto each other as similar figures (generalised
Procrustes analysis, Gower, Psychometrika 1975) by points every 10 mm along the main vessels, each laid first
on the mean heart as it is. The page has the axes of their mean, where the trees begin, and the mean course of
the main vessels in the coordinates of `heart_coordinates`, of which
bundle/geometry/naming/read.py was written. How side branches run on was read off those that are printed and
not kept, for the courses of single patients are not this repository's to give.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from foreign.labelled import Course
from foreign.real import similarity
from scipy.spatial.transform import Rotation

from bundle.common.errors import InputError
from bundle.common.polylines import arc_length, at_length
from bundle.geometry.naming import READ, Heart, heart_coordinates

from .common import RESULTS, Out, table, write_results
from .sets import labelled_trees

REACH_MM = {"LM": 10, "LAD": 130, "LCx": 80, "RCA": 130}
"""As far as most trees go."""
EVERY_MM, ROUNDS, LEAST = 10.0, 8, 6
COLUMNS = ("vessel", "along", "mm", "degrees", "share", "off")


def along(course: Course, heart: Heart) -> np.ndarray:
    """Points every 10 mm of a vessel in the heart's frame (K, 3), NaN beyond its end."""
    line = heart.place(course.points)
    total = arc_length(line)[-1]
    where = np.arange(0, REACH_MM[course.name] + 1, EVERY_MM)
    points = at_length(line, line, np.minimum(where, total))
    points[where > total + 2] = np.nan
    return points


def main_vessels(courses: list[Course]) -> dict[str, Course]:
    found: dict[str, Course] = {}
    for course in courses:
        if course.name in REACH_MM:
            found.setdefault(course.name, course)
    return found


def laid_together(trees: dict[str, list[Course]]) -> dict[str, Heart]:
    """The heart of each tree, of size 1 in the mean."""
    hearts = {k: Heart.usual(READ, READ.ostia["left"], tree[0].points[0]) for k, tree in trees.items()}
    for _ in range(ROUNDS):
        seen = {
            k: {n: along(c, hearts[k]) for n, c in main_vessels(tree).items()} for k, tree in trees.items()
        }
        mean = {n: mean_of([own[n] for own in seen.values() if n in own]) for n in REACH_MM}
        for k, own in seen.items():
            points = np.vstack([own[n] for n in own])
            goal = np.vstack([mean[n] for n in own])
            both = np.isfinite(points[:, 0]) & np.isfinite(goal[:, 0])
            ras = hearts[k].shift + hearts[k].size * points[both] @ hearts[k].turn.T
            turn, shift = similarity(goal[both], ras)
            size = float(np.cbrt(np.linalg.det(turn)))
            hearts[k] = Heart(READ, turn / size, size, shift)
        size = float(np.exp(np.mean([np.log(h.size) for h in hearts.values()])))
        hearts = {k: Heart(READ, h.turn, h.size / size, h.shift) for k, h in hearts.items()}
    return hearts


def mean_of(lines: list[np.ndarray]) -> np.ndarray:
    """Median (K, 3) of lines with NaN; NaN where few have a point."""
    stack = np.stack(lines)
    enough = np.isfinite(stack[..., 0]).sum(0) >= min(LEAST, len(lines))
    found = np.full(stack.shape[1:], np.nan)
    found[enough] = np.nanmedian(stack[:, enough], axis=0)
    return found


def main(
    folder: Annotated[Path, typer.Option(help="of the JSON files")],
    out: Out = RESULTS,
) -> None:
    trees = labelled_trees(folder)
    if not trees:
        raise InputError(f"{folder} has no JSON files of trees.")
    hearts = laid_together(trees)
    for patient, tree in trees.items():
        for course in tree:
            line = hearts[patient].place(course.points)
            where = np.arange(0, arc_length(line)[-1] + 1, EVERY_MM)
            places = heart_coordinates(at_length(line, line, where))
            print(
                patient, course.name, *(f"({mm:.0f}, {turn:.0f}, {share:.2f})" for mm, turn, share in places)
            )
    lines = []
    for name in REACH_MM:
        own = [
            along(main_vessels(tree)[name], hearts[k])
            for k, tree in trees.items()
            if name in main_vessels(tree)
        ]
        mean = mean_of(own)
        for k in np.flatnonzero(np.isfinite(mean[:, 0])):
            off = np.sqrt(np.nanmean(((np.stack(own)[:, k] - mean[k]) ** 2).sum(-1)))
            mm, degrees, share = heart_coordinates(mean[k : k + 1])[0]
            lines.append({"vessel": name, "along": EVERY_MM * k, "mm": mm, "degrees": degrees, "share": share,
                          "off": off})  # fmt: skip
    turns = np.array(
        [Rotation.from_matrix(h.turn @ READ.axes).as_rotvec(degrees=True) for h in hearts.values()]
    )
    axes = READ.axes @ Rotation.from_rotvec(turns.mean(0), degrees=True).as_matrix().T
    spread = ", ".join(f"{value:.1f}" for value in turns.std(0))
    said = [f"{len(trees)} patients. Mean axes, RAS:"]
    said += [
        f"- {name}: {np.round(axis, 2).tolist()}" for name, axis in zip(("right", "apex", "front"), axes)
    ]
    said.append(f"\nTheir orientations differ by {spread} degrees (SD, about R, A and S).\n")
    heads = {"vessel": "", "along": "mm along it", "mm": "mm", "degrees": "degrees", "share": "share",
             "off": "patients off it, mm (RMS)"}  # fmt: skip
    said.append(table(lines, heads, along=".0f", mm=".0f", degrees=".0f", share=".2f", off=".1f"))
    write_results(out, "real_names mean_heart", "\n".join(said), lines, COLUMNS)
