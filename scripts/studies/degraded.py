"""Names, joins and narrowings on masks as networks draw them.

    python scripts/study.py degraded                                                # held-out seeds
    python scripts/study.py degraded --first-seed 500 --count 12 --out trial       # while developing

The masks are those of `degrade.py`: phantoms whose vessels are known, drawn at 0.4 x 0.4 x 0.625 mm, broken,
cut short, jagged, with bits of vein and aorta. Every second patient, those of odd seeds, has no lesion.

- A name is right over the length of the true centreline that is seen in the mask, outside of the parent's
  lumen, and lies within 1.5 mm of a branch of that name; vessels of which less than 3 mm are seen have none.
- A gap is joined if the two places on its sides hang together over about its length; a join is false if its
  two places do not do so in truth.
- A lesion is found if a narrowing lies within half its length and 3 mm of its narrowest place. Those count
  that lie in a vessel of at least 1.5 mm and four voxels and are seen on both sides, with no break in them;
  of these apart those whose lumen the mask holds throughout and where no branch leaves.

Seeds from 400 are for the figures that are reported; 500 and up are for development. The rules of the
names were chosen with 400 to 419 in view too, so those from 420 on have a row of their own.
"""

import re
import time
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
import typer
from scipy.ndimage import label
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm
from bundle.common.polylines import arc_length
from bundle.geometry.centerline import vessel_tree, without_aorta
from bundle.geometry.core import Tree, find_vessels
from bundle.geometry.measure import Stenosis, find_stenoses
from bundle.geometry.naming import name_branches
from bundle.geometry.surface import smooth_surface, vessel_surface

from .common import RESULTS, Out, rows_of, table, write_results
from .degrade import FINE_MM, SEEN_MM, Degraded, TrueTube, degraded
from .geometry import LESION_NEAR_MM, dense_line

HELD_OUT, UNSEEN = 400, 420
NAMED_MM, JOINED_MM = 1.5, 2.5
BORDER_MM = 2.0
WORKERS = 2
GROUPS = {"LM": "LM", "LAD": "LAD", "LCx": "LCx", "RCA": "RCA", "D": "diagonals", "OM": "obtuse marginals",
          "PDA": "PDA", "PLV": "PLV", "AM": "AM and CB", "S": "septals", "RI": "RI"}  # fmt: skip
MAIN = ("LM", "LAD", "LCx", "RCA")
FIRST_ORDER = ("D", "OM", "PDA", "PLV", "AM", "RI")
SEVERE = 50.0


def group_of(name: str) -> str:
    """The family of a name without its number; conus branches count as acute marginals do."""
    family = re.sub(r"\d+$", "", name)
    return "AM" if family == "CB" else family


def tree_of(case: Degraded) -> tuple[Tree, list[Stenosis], float]:
    """The named tree of a mask, its narrowings, and the CPU seconds that they took."""
    begin = time.process_time()
    vessels = find_vessels(case.mask, case.affine, case.probability)
    wall, _ = smooth_surface(vessel_surface(vessels))
    tree = name_branches(vessel_tree(without_aorta(vessels), wall))
    lesions = find_stenoses(tree, float(voxel_size_mm(case.affine).mean()))
    return tree, lesions, time.process_time() - begin


def case_of(seed: int) -> Degraded:
    """The case of a seed in this study: those of odd seeds have no lesions."""
    return degraded(seed, lesions=seed % 2 == 0)


def own_course(case: Degraded) -> list[np.ndarray]:
    """Of each tube (N,) bool: what is seen of it outside of its parent's lumen."""
    found = []
    for tube, seen in zip(case.tubes, case.seen):
        own = seen.copy()
        if tube.parent >= 0:
            parent = case.tubes[tube.parent]
            distance, nearest = cKDTree(parent.points).query(tube.points)
            own &= distance > case.what["wide"] * parent.radius[nearest]
        found.append(own)
    return found


def name_scores(tree: Tree, case: Degraded) -> list[dict]:
    """A row a vessel that is seen: mm of it whose name is right, of its family, unknown, wrong.

    `border`: mm of what is not right that lie within 2 mm of the vessel's far end.
    """
    line, branch = dense_line(tree)
    names = np.array([b.name for b in tree.branches] + ["unknown"])[branch]
    rows = []
    for tube, own in zip(case.tubes, own_course(case)):
        if own.sum() * FINE_MM < SEEN_MM:
            continue
        distance, nearest = (
            cKDTree(line).query(tube.points[own]) if len(line) else (np.full(own.sum(), np.inf), None)
        )
        said = np.full(own.sum(), "unknown", object)
        close = distance <= NAMED_MM
        said[close] = names[nearest[close]] if close.any() else said[close]
        family = np.array([group_of(name) for name in said]) == group_of(tube.name)
        right, unknown = said == tube.name, said == "unknown"
        far = np.flatnonzero(own) >= len(own) - BORDER_MM / FINE_MM
        counts = {"mm": len(said), "right": right.sum(), "family": family.sum(), "unknown": unknown.sum(),
                  "wrong": (~right & ~unknown).sum(),
                  "border": (~right & far).sum()}  # fmt: skip
        others, how_many = np.unique(said[~right].astype(str), return_counts=True)
        rows.append({"name": tube.name, "said": str(others[np.argmax(how_many)]) if len(others) else ""}
                    | {key: float(count * FINE_MM) for key, count in counts.items()})  # fmt: skip
    return rows


class Ways:
    """Lines in space that hang together, and the way between two places on them.

    lines: (points (N, 3), index of the line that it begins on or -1); it begins at that one's nearest point.
    """

    def __init__(self, lines: list[tuple[np.ndarray, int]]):
        starts = np.cumsum([0] + [len(points) for points, _ in lines])
        self.points = np.concatenate([np.zeros((0, 3))] + [points for points, _ in lines])
        edges = [np.stack([np.arange(a, b - 1), np.arange(a + 1, b)]) for a, b in pairwise(starts)]
        for number, (points, parent) in enumerate(lines):
            if parent >= 0:
                at = cKDTree(lines[parent][0]).query(points[0])[1]
                edges.append(np.array([[starts[parent] + at], [starts[number]]]))
        first, second = np.concatenate([np.zeros((2, 0), int), *edges], axis=1)
        step = np.linalg.norm(self.points[first] - self.points[second], axis=1) + 1e-9
        self.graph = coo_matrix((step, (first, second)), shape=(len(self.points),) * 2).tocsr()
        self.search = cKDTree(self.points) if len(self.points) else None

    def between(self, start: np.ndarray, end: np.ndarray) -> float:
        """mm along the lines from a place (3,) to another; infinite where one is off the lines, or no way."""
        if self.search is None:
            return np.inf
        distance, (first, last) = self.search.query(np.stack([start, end]))
        if distance.max() > JOINED_MM:
            return np.inf
        return float(dijkstra(self.graph, directed=False, indices=first)[last])


def hangs_together(way_mm: float, length_mm: float) -> bool:
    """Whether a way is one over a gap of a given length, and no detour."""
    return way_mm <= 1.5 * length_mm + 2 * JOINED_MM


def join_scores(tree: Tree, case: Degraded) -> dict:
    """Gaps with at least 3 mm of vessel on both sides, those joined, and joins with those that are false."""
    ours = Ways([(s.points, s.parent) for s in tree.segments])
    true = Ways([(t.points[::4], t.parent) for t in case.tubes])
    row = {"gaps": 0, "gaps_joined": 0, "gaps_1.5": 0, "joined_1.5": 0, "gaps_4": 0, "joined_4": 0,
           "joins": 0, "false_joins": 0}  # fmt: skip
    reach, beside = int(5.0 / FINE_MM), SEEN_MM / FINE_MM
    for gap in case.gaps:
        seen = case.seen[gap.tube]
        if min(seen[max(gap.first - reach, 0) : gap.first + 1].sum(),
               seen[gap.last : gap.last + reach].sum()) < beside:  # fmt: skip
            continue
        joined = hangs_together(ours.between(gap.start, gap.end), gap.length_mm)
        row["gaps"] += 1
        row["gaps_joined"] += joined
        for most in ("1.5", "4"):
            row[f"gaps_{most}"] += gap.length_mm <= float(most)
            row[f"joined_{most}"] += joined and gap.length_mm <= float(most)
    for segment in tree.segments:
        runs, count = label(segment.gap)
        for run in range(1, count + 1):
            own = np.flatnonzero(runs == run)
            ends = segment.points[[max(own[0] - 1, 0), min(own[-1] + 1, len(runs) - 1)]]
            length = float(np.linalg.norm(ends[1] - ends[0]))
            row["joins"] += 1
            row["false_joins"] += not hangs_together(true.between(*ends), length)
    return row


def countable(case: Degraded, number: int, lesion: dict) -> bool:
    """Whether a true lesion of 50 to 90 % lies where a mask could show it."""
    tube, seen = case.tubes[number], case.seen[number]
    along = arc_length(tube.points)
    at = int(np.argmin(np.abs(along - lesion["at_mm"])))
    width, half = 2 * tube.healthy[at], lesion["length_mm"] / 2
    low, high = lesion["at_mm"] - half, lesion["at_mm"] + half
    beside = [seen[(along > low - 5) & (along < low)], seen[(along > high) & (along < high + 5)]]
    broken = [
        g for g in case.gaps if g.tube == number and along[g.last] > low - 1 and along[g.first] < high + 1
    ]
    return (
        not lesion["stent"]
        and SEVERE <= lesion["percent_diameter_stenosis"] <= 90
        and width >= max(1.5, 4 * float(voxel_size_mm(case.affine).mean()) / case.what["wide"])
        and all(part.sum() * FINE_MM >= SEEN_MM for part in beside)
        and not broken
    )


def is_clear(case: Degraded, number: int, lesion: dict) -> bool:
    """Whether the mask holds the lumen of a lesion throughout, and no other vessel begins in it."""
    tube = case.tubes[number]
    along = arc_length(tube.points)
    own = np.abs(along - lesion["at_mm"]) <= lesion["length_mm"] / 2
    starts = [t.points[0] for t, seen in zip(case.tubes, case.seen) if t.parent == number and seen.any()]
    leave = [along[np.argmin(np.linalg.norm(tube.points - start, axis=1))] for start in starts]
    return bool(case.seen[number][own].all()) and not any(
        abs(at - lesion["at_mm"]) <= lesion["length_mm"] / 2 for at in leave
    )


def lesion_scores(tree: Tree, findings: list[Stenosis], case: Degraded) -> dict:
    """True lesions found and what is said of them, and narrowings where the truth is nowhere narrow."""
    places = np.array([f.point_ras_mm for f in findings]).reshape(-1, 3)
    row = {"lesions": 0, "lesions_found": 0, "clear": 0, "clear_found": 0, "judged": 0, "covered": 0,
           "errors": [], "judged_errors": [], "missed": []}  # fmt: skip
    for number, tube in enumerate(case.tubes):
        along = arc_length(tube.points)
        for lesion in tube.lesions:
            if not countable(case, number, lesion):
                continue
            at = int(np.argmin(np.abs(along - lesion["at_mm"])))
            distance = np.linalg.norm(places - tube.points[at], axis=1)
            near = np.flatnonzero(distance <= 0.5 * lesion["length_mm"] + LESION_NEAR_MM)
            percent = lesion["percent_diameter_stenosis"]
            clear = is_clear(case, number, lesion)
            row["lesions"] += 1
            row["clear"] += clear
            if not len(near):
                why = "" if clear else ", its lumen lost or a branch in it"
                row["missed"].append(f"{tube.name} {percent:.0f} % of {2 * tube.healthy[at]:.1f} mm{why}")
                continue
            best = findings[max(near, key=lambda i: findings[i].percent_diameter)]
            row["lesions_found"] += 1
            row["clear_found"] += clear
            row["errors"].append(best.percent_diameter - percent)
            if best.assessable:
                row["judged"] += 1
                row["judged_errors"].append(best.percent_diameter - percent)
                row["covered"] += best.percent_low <= percent <= best.percent_high
    truth = np.concatenate([t.points for t in case.tubes])
    narrow = cKDTree(truth[np.concatenate([1 - t.radius / t.healthy for t in case.tubes]) >= 0.25])
    severe = [f for f in findings if f.percent_diameter >= SEVERE]
    false = [f for f in severe if narrow.n == 0 or narrow.query(f.point_ras_mm)[0] >= LESION_NEAR_MM]
    judged = [f for f in false if f.assessable]
    row |= {"false": len(judged), "false_listed": len(false) - len(judged)}
    row["false_ones"] = [
        f"{tree.branches[f.branch].name} {f.percent_diameter:.0f} % of {f.reference_diameter_mm:.1f} mm"
        for f in judged
    ]
    return row


def measure(seed: int) -> dict:
    """A row of figures for one seed, with the rows of its vessels under `vessels`."""
    torch.set_num_threads(1)
    case = case_of(seed)
    tree, findings, seconds = tree_of(case)
    vessels = name_scores(tree, case)
    whole = {key: sum(v[key] for v in vessels) for key in ("mm", "right", "family", "unknown", "wrong")}
    left = [v for v in vessels if v["name"] in ("LM", "LAD", "LCx")]
    cut = case.what["left_end_mm"] == 30 and len(left) > 0
    return {
        "seed": seed,
        "with_lesions": seed % 2 == 0,
        "vessels": vessels,
        **{f"{key}_mm" if key != "mm" else "seen_mm": value for key, value in whole.items()},
        "wrong_names": " ".join(f"{v['name']}:{v['said']}" for v in vessels if v["right"] < 0.5 * v["mm"]),
        "left_cut_30": int(cut),
        "left_cut_30_named": int(cut and all(v["right"] > 0.5 * v["mm"] for v in left)),
        **join_scores(tree, case),
        **lesion_scores(tree, findings, case),
        "seconds": seconds,
        **{f"what_{key}": str(value) for key, value in case.what.items()},
    }


COLUMNS = (
    "seed", "with_lesions", "seen_mm", "right_mm", "family_mm", "unknown_mm", "wrong_mm", "wrong_names",
    "left_cut_30", "left_cut_30_named", "gaps", "gaps_joined", "joins", "false_joins",
    "lesions", "lesions_found", "clear", "clear_found", "judged", "covered", "false", "false_listed",
    "seconds", "what_left_end_mm", "what_missing", "what_wide", "what_noise_mm",
)  # fmt: skip
SHOWN = ("seed", "right_mm", "unknown_mm", "wrong_mm", "gaps", "gaps_joined", "joins", "false_joins",
         "lesions", "lesions_found", "false", "seconds")  # fmt: skip


def names_table(rows: list[dict]) -> str:
    """A line a group of vessels: how much of it is seen, and what it is called."""
    vessels = [v | {"case": row["seed"]} for row in rows for v in row["vessels"]]
    lines = []
    groups = [(text, [v for v in vessels if group_of(v["name"]) == key]) for key, text in GROUPS.items()]
    side = [v for v in vessels if group_of(v["name"]) in FIRST_ORDER]
    groups += [("first-order side branches", side), ("all", vessels)]
    if any(v["case"] < UNSEEN for v in vessels):
        groups.append((f"- of seeds from {UNSEEN} on", [v for v in vessels if v["case"] >= UNSEEN]))
    for text, own in groups:
        total = sum(v["mm"] for v in own)
        part = {key: 100 * sum(v[key] for v in own) / total if total else np.nan
                for key in ("right", "family", "unknown", "wrong")}  # fmt: skip
        target = "right ≥ 93" if text in MAIN else {"all": "wrong ≤ 5"}.get(text, "right ≥ 75")
        aimless = text in ("septals", "RI") or text.startswith("-")
        lines.append({"vessel": text, "target": "" if aimless else target,
                      "cases": len({v["case"] for v in own}), "mm": total} | part)  # fmt: skip
    heads = {"vessel": "", "target": "target, %", "cases": "cases", "mm": "seen, mm", "right": "right, %",
             "family": "but for the number, %", "unknown": "unknown, %", "wrong": "wrong, %"}  # fmt: skip
    return table(lines, heads, mm=".0f", right=".0f", family=".0f", unknown=".0f", wrong=".0f")


def figures_table(rows: list[dict]) -> str:
    """Figure, target and value of all but the names."""
    keys = ("left_cut_30", "left_cut_30_named", "gaps", "gaps_joined", "gaps_1.5", "joined_1.5", "gaps_4",
            "joined_4", "joins", "false_joins", "lesions", "lesions_found", "clear", "clear_found",
            "covered")  # fmt: skip
    total = {key: sum(row[key] for row in rows) for key in keys}
    healthy = [row for row in rows if not row["with_lesions"]]
    mains = [v for row in rows for v in row["vessels"] if v["name"] == "LM"]
    main_mm, amiss, border = (sum(f(v) for v in mains) for f in (
        lambda v: v["mm"], lambda v: v["mm"] - v["right"], lambda v: v["border"]))  # fmt: skip
    errors, every = (np.array([e for r in rows for e in r[key]]) for key in ("judged_errors", "errors"))
    lines = [
        ("left main not called so, within 2 mm of its bifurcation / elsewhere, % of its length", "",
         f"{100 * border / max(main_mm, 1e-9):.1f} / {100 * (amiss - border) / max(main_mm, 1e-9):.1f}"),
        ("left trees that end at 30 mm with LM, LAD and LCx named", "≥ 90 %",
         f"{total['left_cut_30_named']}/{total['left_cut_30']}"),
        ("gaps joined", "≥ 80 %", f"{total['gaps_joined']}/{total['gaps']}"),
        ("- of those up to 1.5 mm / up to 4 mm", "",
         f"{total['joined_1.5']}/{total['gaps_1.5']} / {total['joined_4']}/{total['gaps_4']}"),
        ("false joins", "≤ 3 %", f"{total['false_joins']}/{total['joins']}"),
        ("assessable narrowings of ≥ 50 % a case without lesions", "≤ 0.1",
         f"{sum(r['false'] for r in healthy) / max(len(healthy), 1):.2f} (n = {len(healthy)})"),
        ("- further ones that are listed as not assessable", "",
         f"{sum(r['false_listed'] for r in healthy) / max(len(healthy), 1):.2f}"),
        ("true lesions of 50 to 90 % found", "", f"{total['lesions_found']}/{total['lesions']}"),
        ("- of those with the lumen in the mask throughout and no branch in it", "≥ 90 %",
         f"{total['clear_found']}/{total['clear']}"),
        ("percent of those found and assessable, median of absolute error, points", "",
         f"{np.median(np.abs(errors)):.1f} (mean error {errors.mean():+.1f})" if len(errors) else ""),
        ("- within 10 points", "≥ 90 %", f"{(np.abs(errors) <= 10).sum()}/{len(errors)}"),
        ("- within the range that is said", "about 90 %", f"{total['covered']}/{len(errors)}"),
        ("percent of all that were found within 10 points", "",
         f"{(np.abs(every) <= 10).sum()}/{len(every)}"),
        ("mask to named tree with narrowings, median (most), CPU seconds", "≤ 3",
         f"{np.median([r['seconds'] for r in rows]):.1f} ({max(r['seconds'] for r in rows):.1f})"),
    ]  # fmt: skip
    rows_ = [dict(zip(("figure", "target", "value"), line)) for line in lines]
    return table(rows_, {"figure": "", "target": "target", "value": "value"})


def remarks(rows: list[dict]) -> str:
    """A line for each lesion that was missed or is none, and each short left tree that lacks names."""
    lines = [f"- {row['seed']}, missed: {text}" for row in rows for text in row["missed"]]
    lines += [f"- {row['seed']}, false: {text}" for row in rows for text in row["false_ones"]]
    lines += [
        f"- {row['seed']}, left tree of 30 mm: {row['wrong_names']}"
        for row in rows
        if row["left_cut_30"] > row["left_cut_30_named"]
    ]
    return "\n".join(lines) or "None."


def main(
    first_seed: Annotated[
        int, typer.Option(help="from 400 on held out, from 500 for development")
    ] = HELD_OUT,
    count: int = 40,
    out: Out = RESULTS,
) -> None:
    seeds = range(first_seed, first_seed + count)
    rows = rows_of(measure, seeds, SHOWN, WORKERS)
    text = f"{count} cases, seeds {first_seed} to {seeds[-1]}, {WORKERS} processes at once."
    parts = [text, names_table(rows), figures_table(rows), f"Missed and false:\n\n{remarks(rows)}"]
    write_results(out, "degraded", "\n\n".join(parts), rows, COLUMNS)


def tree_of_seed(seed: int) -> tuple[Tree, list[Stenosis], Degraded]:
    """The named tree, the narrowings and the truth of a seed, for looking at one."""
    case = case_of(seed)
    tree, lesions, _ = tree_of(case)
    return tree, lesions, case


def name_of(tubes: list[TrueTube], place: np.ndarray) -> str:
    """The true name of what lies at a place (3,) RAS mm, for looking at one."""
    return min(tubes, key=lambda tube: np.linalg.norm(tube.points - place, axis=1).min()).name
