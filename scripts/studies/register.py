"""Two scans of one person against a known bend and changes.

    python scripts/study.py register                                               # held-out seeds
    python scripts/study.py register --first-seed 700 --count 12 --out trial       # while developing

`pairs.py` draws both scans; each is measured from its probability, as a run of the bundle's is.

- The error of a place is the distance, mm, between where it truly comes to and the place of the second tree
  that it is taken for; both are points of measured centrelines.
- A pair of branches is right if four fifths of its places have an error of at most 2 mm.
- What both scans show: places of the first tree that truly come to within 1 mm of the second one's.
- A change is found if at least 3 mm of it are claimed with its sign. Of those that can be compared, 5 mm or
  more are neither beside a bifurcation nor in a thin vessel.
- A false claim is a run of claimed places more than 3 mm away from every change.

Seeds from 900 are for the figures that are reported; 700 and up are for development.
"""

import time
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
import typer
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm
from bundle.common.polylines import arc_length, at_length
from bundle.geometry.centerline import vessel_tree
from bundle.geometry.compare import Comparison, compare_trees
from bundle.geometry.core import Branch, find_vessels
from bundle.geometry.naming import name_branches
from bundle.geometry.surface import smooth_surface, vessel_surface

from .common import RESULTS, Out, rows_of, table, write_results
from .geometry import Tube
from .pairs import LARGE_MM, SCANNERS, Change, Scan, ScannedTwice, draw_scan, scanned_twice

HELD_OUT = 900
RIGHT_MM, RIGHT_PART, BOTH_MM = 2.0, 0.8, 1.0
FOUND, COMPARED, BESIDE_MM = 3, 5, 3.0
WORKERS = 2


def branches_of(scan: Scan) -> list[Branch]:
    """The named branches of a scan."""
    vessels = find_vessels(scan.probability >= 0.5, scan.affine, scan.probability)
    wall, _ = smooth_surface(vessel_surface(vessels))
    return name_branches(vessel_tree(vessels, wall)).branches


def place_scores(found: Comparison, case: ScannedTwice) -> dict:
    """Errors of all places, branches right and wrong, how much of what both show is matched."""
    errors, right, wrong = [], 0, []
    for own in found.places:
        second = found.second[own.second]
        there = at_length(second.points, second.points, own.at_second)
        off = np.linalg.norm(case.move(own.points) - there, axis=1)
        errors.append(off)
        if (off <= RIGHT_MM).mean() >= RIGHT_PART:
            right += 1
        else:
            wrong.append(f"{found.first[own.first].name} for {second.name}, {len(off)} mm")
    search = cKDTree(np.concatenate([branch.points for branch in found.second]))
    both = np.concatenate(
        [search.query(case.move(branch.points))[0] <= BOTH_MM for branch in found.first]
    ).sum() * 0.5  # fmt: skip
    every = np.concatenate(errors)
    return {
        "errors": every,
        "error_median_mm": float(np.median(every)),
        "error_95_mm": float(np.percentile(every, 95)),
        "right": right,
        "wrong": len(wrong),
        "wrong_ones": wrong,
        "both_mm": float(both),
        "matched_mm": float((every <= RIGHT_MM).sum()),
    }


def where(tubes: list[Tube], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of points (N, 3) the nearest tube's index and the way along it, (N,) each."""
    number = np.concatenate([np.full(len(tube.points), i) for i, tube in enumerate(tubes)])
    along = np.concatenate([arc_length(tube.points) for tube in tubes])
    at = cKDTree(np.concatenate([tube.points for tube in tubes])).query(points)[1]
    return number[at], along[at]


def _inside(change: Change, number: np.ndarray, along: np.ndarray, beside_mm: float = 0.0) -> np.ndarray:
    low, high = change.low_mm - beside_mm, change.high_mm + beside_mm
    return (number == change.tube) & (along >= low) & (along <= high)


def change_scores(found: Comparison, case: ScannedTwice) -> dict:
    """What is claimed of the true changes, and what is claimed where there is none."""
    tubes = case.tubes[0]
    said = np.concatenate(found.claims)
    points = np.concatenate([own.points for own in found.places])
    compared = np.concatenate([own.compared for own in found.places])
    number, along = where(tubes, points)
    row = {"large": 0, "large_found": 0, "seen": 0, "seen_found": 0, "small": 0, "small_claimed": 0,
           "missed": [], "size_errors": []}  # fmt: skip
    changed = np.zeros(len(said), bool)
    for change in case.changes:
        own = _inside(change, number, along)
        changed |= _inside(change, number, along, BESIDE_MM)
        hits = int((own & (said == np.sign(change.by_mm))).sum())
        seen = int((own & compared).sum())
        text = (
            f"{change.by_mm:+.1f} mm in the {tubes[change.tube].name} from {change.low_mm:.0f} to "
            f"{change.high_mm:.0f} mm, {seen} mm compared"
        )
        if abs(change.by_mm) >= LARGE_MM:
            row["large"] += 1
            row["large_found"] += hits >= FOUND
            row["seen"] += seen >= COMPARED
            row["seen_found"] += seen >= COMPARED and hits >= FOUND
            if hits < FOUND:
                row["missed"].append(text)
        else:
            row["small"] += 1
            row["small_claimed"] += hits > 0
    start, false = 0, []
    for own, claims in zip(found.places, found.claims):
        off = (claims != 0) & ~changed[start : start + len(claims)]
        start += len(claims)
        at = np.flatnonzero(off)
        runs = len(at) > 0
        runs += sum(b - a > 1 for a, b in pairwise(at))
        if runs:
            false += [f"{found.first[own.first].name} at {own.at_first[at[0]]:.0f} mm"] * int(runs)
    return row | {"false": len(false), "false_ones": false}


def measure(seed: int) -> dict:
    """A row of figures for one seed."""
    torch.set_num_threads(1)
    case = scanned_twice(seed)
    scans = [
        draw_scan(tubes, scanner, np.random.default_rng([seed, 24, number]))
        for number, (tubes, scanner) in enumerate(zip(case.tubes, SCANNERS))
    ]
    first, second = (branches_of(scan) for scan in scans)
    begin = time.perf_counter()
    found = compare_trees(first, second, max(float(voxel_size_mm(scan.affine).mean()) for scan in scans))
    seconds = time.perf_counter() - begin
    return {
        "seed": seed,
        "changes": len(case.changes),
        "turn_deg": float(np.degrees(case.move.turn.magnitude())),
        "bend_mm": float(case.move.most_mm),
        **place_scores(found, case),
        **change_scores(found, case),
        "offset_mm": found.noise.offset_mm,
        "noise_mm": found.noise.place_mm,
        "seconds": seconds,
    }


COLUMNS = (
    "seed", "changes", "turn_deg", "bend_mm", "error_median_mm", "error_95_mm", "right", "wrong", "both_mm",
    "matched_mm", "large", "large_found", "seen", "seen_found", "small", "small_claimed", "false",
    "offset_mm", "noise_mm", "seconds",
)  # fmt: skip
SHOWN = ("seed", "error_median_mm", "error_95_mm", "right", "wrong", "large", "large_found", "small",
         "small_claimed", "false", "offset_mm", "seconds")  # fmt: skip


def figures(rows: list[dict]) -> str:
    """Figure, target and value."""
    total = {key: sum(row[key] for row in rows) for key in COLUMNS if key != "seed"}
    errors = np.concatenate([row["errors"] for row in rows])
    still = [row for row in rows if not row["changes"]]
    moved = [row for row in rows if row["changes"]]

    def a_pair(some: list[dict]) -> str:
        return f"{sum(row['false'] for row in some) / len(some):.2f} (n = {len(some)})" if some else ""

    lines = [
        ("error of a place, median (95 %), mm", "≤ 0.5",
         f"{np.median(errors):.2f} ({np.percentile(errors, 95):.2f})"),
        ("- worst pair, median, mm", "", f"{max(row['error_median_mm'] for row in rows):.2f}"),
        ("pairs of branches right / wrong", "", f"{total['right']} / {total['wrong']}"),
        ("of the length that both scans show, matched and right", "",
         f"{100 * total['matched_mm'] / total['both_mm']:.0f} %"),
        ("changes of 0.3 mm found", "≥ 90 %", f"{total['large_found']}/{total['large']}"),
        ("- of those of which 5 mm can be compared", "", f"{total['seen_found']}/{total['seen']}"),
        ("changes of 0.1 mm claimed", "≤ 5 %", f"{total['small_claimed']}/{total['small']}"),
        ("false claims a pair without any change", "≤ 0.1", a_pair(still)),
        ("false claims a pair with changes, away from them", "≤ 0.1", a_pair(moved)),
        ("offset between the scanners, mean, mm", "", f"{total['offset_mm'] / len(rows):+.2f}"),
        ("noise of the difference at a place, mean, mm", "", f"{total['noise_mm'] / len(rows):.2f}"),
        ("time from both trees to the comparison, median, s", "",
         f"{np.median([row['seconds'] for row in rows]):.0f}"),
    ]  # fmt: skip
    found = [dict(zip(("figure", "target", "value"), line)) for line in lines]
    return table(found, {"figure": "", "target": "target", "value": "value"})


def remarks(rows: list[dict]) -> str:
    """A line for each change that was missed, each false claim, each wrong pair."""
    lines = [
        f"- {row['seed']}, {word}: {text}"
        for row in rows
        for word, key in (("missed", "missed"), ("false", "false_ones"), ("wrong pair", "wrong_ones"))
        for text in row[key]
    ]
    return "\n".join(lines) or "None."


def main(
    first_seed: Annotated[
        int, typer.Option(help="from 900 on held out, from 700 for development")
    ] = HELD_OUT,
    count: int = 12,
    out: Out = RESULTS,
) -> None:
    seeds = range(first_seed, first_seed + count)
    rows = rows_of(measure, seeds, SHOWN, WORKERS)
    text = f"{count} pairs, seeds {first_seed} to {seeds[-1]}, {WORKERS} processes at once."
    parts = [text, figures(rows), f"Missed, false and wrong:\n\n{remarks(rows)}"]
    write_results(out, "register", "\n\n".join(parts), rows, COLUMNS)
