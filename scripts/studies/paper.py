"""What the paper's own steps cost beside the defaults.

    python scripts/study.py paper

Runs configs/evaluate.yaml over held-out phantoms with the bundle's defaults and with the paper's mode, the
same weights in both. Of the masks it takes the metrics, of the meshes the volume: what opening, keeping the
largest part and Laplacian smoothing leave of it.
"""

import csv
import json
from pathlib import Path

import numpy as np
from shared import ROOT, SEEDS, Processes, workflow

from .common import RESULTS, Out, held_out, table, weights_line, write_results

MODES = {"default": ("evaluate.yaml",), "paper": ("evaluate.yaml", "modes/paper.yaml")}
MASK = {"dice": "Dice", "cldice": "clDice", "hd95_mm": "HD95, mm", "betti0_error": "Betti-0 error"}
MESH = {"mask_ratio": "mask / true volume", "mesh_ratio": "mesh / true volume", "least_ratio": "least",
        "smoothing_percent": "smoothing, % of volume"}  # fmt: skip
COLUMNS = ("case", "mode", *MASK, "threshold", "mask_ratio", "mesh_ratio", "smoothing_percent", "warnings")


def rows_of(mode: str, output_dir: Path) -> list[dict]:
    """A row a case, from the tables and reports of an evaluation."""
    with open(output_dir / "metrics.csv", newline="") as file:
        measured = list(csv.DictReader(file))
    rows = []
    for row in measured:
        report = json.loads((output_dir / row["case"] / f"{row['case']}.json").read_text())
        true_mm3 = float(row["true_volume_mm3"])
        rows.append({
            "case": row["case"], "mode": mode, **{name: float(row[name]) for name in (*MASK, "threshold")},
            "mask_ratio": float(row["volume_mm3"]) / true_mm3,
            "mesh_ratio": report["mesh"]["volume_mm3"] / true_mm3,
            "smoothing_percent": report["smoothing"]["volume_change_percent"],
            "warnings": "; ".join(report["warnings"]),
        })  # fmt: skip
    return rows


def main(
    count: int = 6,
    data: Path = ROOT / "data" / "test_full",
    output_dir: Path = ROOT / "eval" / "paper_study",
    out: Out = RESULTS,
    processes: Processes = None,
) -> None:
    cases = held_out("test", count, data, processes)
    rows = []
    for mode, configs in MODES.items():
        keys = {"dataset#data": cases, "output_dir": output_dir / mode, "geometry#pictures": False}
        run = workflow(*configs, **keys)
        run.run()
        rows += rows_of(mode, output_dir / mode)
    weights = weights_line(run.parser.get_parsed_content("ckpt_path"))
    means = []
    for mode in MODES:
        own = [row for row in rows if row["mode"] == mode]
        names = [name for name in (*MASK, *MESH) if name in own[0]]
        mean = {name: float(np.mean([row[name] for row in own])) for name in names}
        least = min(row["mesh_ratio"] for row in own)
        means.append({"mode": mode, "least_ratio": least} | mean)
    text = f"""\
Weights {weights}; {count} phantoms at the scanner's matrix, seeds {SEEDS["test"]} to
{SEEDS["test"] + count - 1}. Means over the cases, at the scan grid; "least" is the case whose mesh keeps
least of the true volume.

{table(means, {"mode": "", **MASK})}

{table(means, {"mode": "", **MESH})}"""
    write_results(out, "paper", text, rows, COLUMNS)
