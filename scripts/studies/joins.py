"""Joins over gaps, from the mask alone and with the CT.

    python scripts/study.py joins                                                           # held-out seeds
    python scripts/study.py joins --first-seed 500 --first-shifted 100 --count 12 --out trial

Two kinds of masks with a scan beside them (`joins_scans.py`):

- spoilt: the masks of the study "degraded" with the phantoms' scans, 0.5 x 0.5 x 0.6 mm. Of the vessels in
  the breaks 40 % are as bright in the scan as they were drawn, in 30 % contrast is down to 0.4, and in 30 %
  there is none.
- network: what the default network draws of phantoms of the set "shifted", whose scanner, contrast and
  anatomy are outside of the ranges of its training, on the same grid, with all parts from 3 mm3 on. A gap is
  a stretch of a true vessel without mask between two pieces.

Each is made into a tree twice, with the mask alone and with the scan. Gaps and false joins are counted as in
the study "degraded"; "rooted" is the part of the true centreline within 1.5 mm of a tree that begins within
5 mm of a true ostium, which is what a measurement along a vessel can reach.

Seeds from 400 and the first scans of the set "shifted" are for the figures that are reported; seeds from 500
and scans from the hundredth on are for development.
"""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from itertools import repeat
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from scipy.spatial import cKDTree

from bundle.geometry.centerline import vessel_tree, without_aorta
from bundle.geometry.core import Tree, find_vessels
from bundle.geometry.naming import name_branches
from bundle.geometry.surface import smooth_surface, vessel_surface
from bundle.phantom import write_imagecas

from .common import RESULTS, Out, table, write_results
from .degrade import Degraded
from .degraded import HELD_OUT, NAMED_MM, Ways, hangs_together, join_scores, name_scores
from .joins_scans import LEFT, SHAPE, Scan, has_both_sides, network_cases, read_scan, spoilt_case

OSTIUM_MM = 5.0
LENGTHS = ((0.0, 1.5), (1.5, 4.0), (4.0, np.inf))
COLUMNS = ("masks", "seed", "with", "gaps", "gaps_joined", "joins", "false_joins", "true_mm", "rooted_mm",
           "right_mm", "wrong_mm", "unknown_mm", "cpu_s")  # fmt: skip


def rooted_mm(tree: Tree, case: Degraded) -> tuple[float, float]:
    """True centreline in all, and that within 1.5 mm of a tree that begins at a true ostium, mm."""
    true = np.concatenate([tube.points[::10] for tube in case.tubes])
    step = 10 * float(np.linalg.norm(case.tubes[0].points[1] - case.tubes[0].points[0]))
    ostia = cKDTree([tube.points[0] for tube in case.tubes if tube.parent < 0])
    begin = [s for s in tree.segments if s.parent < 0 and ostia.query(s.points[0])[0] <= OSTIUM_MM]
    trees = {segment.tree for segment in begin}
    own = [segment.points for segment in tree.segments if segment.tree in trees]
    near = cKDTree(np.concatenate(own)).query(true)[0] <= NAMED_MM if own else np.zeros(len(true), bool)
    return len(true) * step, float(near.sum() * step)


def gap_rows(tree: Tree, case: Degraded, left: list[float] | None) -> list[dict[str, Any]]:
    """Of each gap with vessel on both sides: its length, the contrast left in it, whether it is joined."""
    ours = Ways([(s.points, s.parent) for s in tree.segments])
    return [
        {
            "mm": gap.length_mm,
            "left": part,
            "joined": hangs_together(ours.between(gap.start, gap.end), gap.length_mm),
        }
        for gap, part in zip(case.gaps, left or repeat(None))
        if has_both_sides(case, gap)
    ]


def measure(
    masks: str, seed: int, case: Degraded, scan: Scan, left: list[float] | None
) -> list[dict[str, Any]]:
    """A row for the mask alone and one with the scan."""
    torch.set_num_threads(1)
    vessels = find_vessels(case.mask, case.affine, case.probability)
    wall, _ = smooth_surface(vessel_surface(vessels))
    arteries, rows = without_aorta(vessels), []
    for name, ct in (("mask", None), ("scan", scan)):
        begin = time.process_time()
        tree = name_branches(vessel_tree(arteries, wall, ct=ct))
        seconds = time.process_time() - begin
        names = name_scores(tree, case)
        true, rooted = rooted_mm(tree, case)
        rows.append(
            {
                "masks": masks,
                "seed": seed,
                "with": name,
                **join_scores(tree, case),
                "true_mm": true,
                "rooted_mm": rooted,
            }
            | {f"{key}_mm": sum(row[key] for row in names) for key in ("right", "wrong", "unknown")}
            | {"cpu_s": seconds, "all_gaps": gap_rows(tree, case, left)}
        )
    return rows


def spoilt_rows(seed: int, image: str) -> list[dict[str, Any]]:
    return measure("spoilt", seed, *spoilt_case(seed, read_scan(image)))


def network_rows(first: int, count: int, folder: Path, processes: int) -> Iterator[dict[str, Any]]:
    for seed, (case, scan) in enumerate(network_cases(first, count, folder, processes), first):
        yield from measure("network", seed, case, scan, None)


def share(part: float, whole: float) -> str:
    return f"{part:.0f}/{whole:.0f}" if whole else ""


def figures_table(rows: list[dict[str, Any]]) -> str:
    """Mask alone beside mask and scan, of both kinds of masks."""
    kinds = [(masks, name) for masks in dict.fromkeys(r["masks"] for r in rows) for name in ("mask", "scan")]
    lines: dict[str, dict[str, str]] = {}
    for kind in kinds:
        own = [row for row in rows if (row["masks"], row["with"]) == kind]
        total = {key: sum(row[key] for row in own) for key in COLUMNS[3:]}
        gaps = [gap for row in own for gap in row["all_gaps"]]
        said = {"gaps joined": share(total["gaps_joined"], total["gaps"])}
        for low, high in LENGTHS:
            some = [gap["joined"] for gap in gaps if low < gap["mm"] <= high]
            said[f"- longer than {low:g} mm" + (f", up to {high:g}" if high < np.inf else "")] = share(
                sum(some), len(some)
            )
        for part in LEFT:
            some = [gap["joined"] for gap in gaps if gap["left"] == part and gap["mm"] > LENGTHS[1][1]]
            said[f"- longer than 4 mm, contrast left: {part:g}"] = share(sum(some), len(some))
        said["false joins"] = share(total["false_joins"], total["joins"])
        said["true centreline that is rooted, %"] = f"{100 * total['rooted_mm'] / total['true_mm']:.1f}"
        named = sum(total[f"{key}_mm"] for key in ("right", "wrong", "unknown"))
        for key in ("right", "wrong", "unknown"):
            said[f"names {key}, % of what is seen"] = f"{100 * total[f'{key}_mm'] / named:.1f}"
        said["mesh to named tree, median CPU seconds"] = f"{np.median([row['cpu_s'] for row in own]):.1f}"
        for figure, value in said.items():
            lines.setdefault(figure, {"figure": figure})[" ".join(kind)] = value
    how = {"mask": "mask alone", "scan": "with the CT"}
    heads = {"figure": ""} | {" ".join(kind): f"{kind[0]}: {how[kind[1]]}" for kind in kinds}
    return table([line for line in lines.values() if any(line[k] for k in line if k != "figure")], heads)


def main(
    first_seed: Annotated[
        int, typer.Option(help="from 400 on held out, from 500 for development")
    ] = HELD_OUT,
    count: Annotated[int, typer.Option(help="spoilt masks")] = 40,
    first_shifted: Annotated[int, typer.Option(help="from 0 on held out, from 100 for development")] = 0,
    networks: Annotated[int, typer.Option(help="masks of the default network")] = 10,
    folder: Annotated[
        Path | None, typer.Option(help="where scans and masks are kept; default nowhere")
    ] = None,
    processes: int = 2,
    out: Out = RESULTS,
) -> None:
    seeds = range(first_seed, first_seed + count)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as kept:
        if count:
            cases = write_imagecas(seeds, Path(kept) / "spoilt", shape=SHAPE, processes=processes)
            with ProcessPoolExecutor(processes) as pool:
                for found in pool.map(spoilt_rows, seeds, [case["image"] for case in cases]):
                    rows += found
                    print(f"{found[0]['seed']} of {seeds[-1]}", flush=True)
        if networks:
            rows += network_rows(first_shifted, networks, Path(kept) / "shifted", processes)
    text = f"{count} spoilt masks, seeds from {first_seed}, and {networks} of the default network."
    write_results(out, "joins", f"{text}\n\n{figures_table(rows)}", rows, COLUMNS)
