"""Names of real patients' vessels against their readers'.

    python scripts/study.py real_names --folder data/real/courses        # trees behind the mean heart
    python scripts/study.py real_names --folder data/others --unseen     # others

The trees are JSON files of the labels of TopoLab (scripts/foreign/labelled.py says where they come from and
what is in them); they are not part of this repository. Of a tree are known the lines and the names. It is
drawn with usual calibres at 0.4 mm, 3 mm longer at its ostia, and then goes the way of any mask: surface,
centreline, names. A name is right over the length of the reader's line, outside of the parent's lumen, that
lies within 1.5 mm of a branch of that name but for its number: readers count side branches otherwise.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from foreign.labelled import Course

from bundle.common.errors import InputError
from bundle.geometry.centerline import vessel_tree, without_aorta
from bundle.geometry.core import find_vessels
from bundle.geometry.naming import name_branches
from bundle.geometry.surface import smooth_surface, vessel_surface

from .common import RESULTS, Out, rows_of, table, write_results
from .degrade import TrueTube, dense
from .degraded import GROUPS, group_of, name_scores
from .geometry import rasterise
from .sets import labelled_trees

STUMP_MM = 3.0
OTHERS = ("unknown", "SN")
"""Readers' vessels that this project has no name for; they may be called what they like."""


@dataclass
class Drawn:
    """What `name_scores` takes of a case: every vessel is seen whole."""

    tubes: list[TrueTube]
    seen: list[np.ndarray]
    what: dict[str, float]


def with_stumps(courses: list[Course]) -> list[Course]:
    """The vessels that begin a tree made longer backwards, as a lumen goes on into the aorta's wall."""
    found = []
    for course in courses:
        if course.parent < 0:
            back = course.points[0] - course.points[min(8, len(course.points) - 1)]
            steps = np.arange(STUMP_MM, 0, -0.4)[:, None] / np.linalg.norm(back)
            points = np.vstack([course.points[0] + steps * back, course.points])
            radius = np.concatenate([np.full(len(steps), course.radius[0]), course.radius])
            course = replace(course, points=points, radius=radius)
        found.append(course)
    return found


def tubes_of(courses: list[Course]) -> list[TrueTube]:
    """The vessels as tubes with points every 0.05 mm."""
    found = []
    for course in courses:
        points, radius = dense(course.points, course.radius)
        found.append(TrueTube(course.name, points, radius, radius, [], course.parent))
    return found


def measure(tree_of: tuple[str, list[Course]]) -> dict[str, Any]:
    """A row for one patient, by name and tree, with the rows of the vessels under `vessels`."""
    torch.set_num_threads(1)
    patient, courses = tree_of
    tubes = tubes_of(with_stumps(courses))
    field, affine, _ = rasterise(tubes)
    vessels = find_vessels(field > 0, affine)
    wall, _ = smooth_surface(vessel_surface(vessels))
    tree = name_branches(vessel_tree(without_aorta(vessels), wall))
    case = Drawn(tubes, [np.ones(len(tube.points), bool) for tube in tubes], {"wide": 1.0})
    rows = [row for row in name_scores(tree, case) if row["name"] not in OTHERS]
    total = {key: sum(row[key] for row in rows) for key in ("mm", "family", "unknown")}
    return {
        "patient": patient, "vessels": rows, **total,
        "otherwise": " ".join(f"{r['name']}:{r['said']}" for r in rows if r["family"] < 0.5 * r["mm"]),
    }  # fmt: skip


COLUMNS = ("patient", "mm", "family", "unknown", "otherwise")


def figures(rows: list[dict[str, Any]]) -> str:
    """A line a group of vessels."""
    vessels = [v | {"patient": row["patient"]} for row in rows for v in row["vessels"]]
    groups = [(text, [v for v in vessels if group_of(v["name"]) == key]) for key, text in GROUPS.items()]
    lines = []
    for text, own in [*groups, ("all", vessels)]:
        total = sum(v["mm"] for v in own)
        if total:
            part = {key: 100 * sum(v[key] for v in own) / total for key in ("family", "unknown")}
            wrong = max(100 - part["family"] - part["unknown"], 0.0)
            patients = len({v["patient"] for v in own})
            lines.append({"vessel": text, "patients": patients, "mm": total, "wrong": wrong} | part)
    heads = {"vessel": "", "patients": "patients", "mm": "mm", "family": "right but for the number, %",
             "unknown": "unknown, %", "wrong": "called otherwise, %"}  # fmt: skip
    return table(lines, heads, **dict.fromkeys(("mm", "family", "unknown", "wrong"), ".0f"))


def main(
    folder: Annotated[Path, typer.Option(help="of the JSON files")],
    unseen: Annotated[bool, typer.Option("--unseen", help="a part of the page of its own")] = False,
    out: Out = RESULTS,
    processes: int = 2,
) -> None:
    """Names of real trees against readers' names."""
    trees = labelled_trees(folder)
    if not trees:
        raise InputError(f"{folder} has no JSON files of trees.")
    rows = rows_of(measure, list(trees.items()), COLUMNS, processes)
    text = f"{len(rows)} patients.\n\n{figures(rows)}"
    write_results(out, "real_names unseen" if unseen else "real_names", text, rows, COLUMNS)
