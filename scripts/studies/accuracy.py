"""Dice and distances of the weights on held-out phantoms.

    python scripts/study.py accuracy

Makes the phantoms that are missing (test seeds, scanner's matrix), runs configs/evaluate.yaml on all of them,
and measures what the network's grid would cost a perfect network. Rerun it after new weights.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shared import ROOT, SEEDS, Processes, Set, settings, workflow

from bundle.common.crop import region_of
from bundle.handlers.cases import summarise
from bundle.metrics import centerline_dice, dice
from bundle.transforms import LoadCTAd, resize_volume

from .common import RESULTS, Out, held_out, table, weights_line, write_results

FIRST, CEILING_LEVEL = SEEDS["test"], 0.4
UNITS = {"hd95_mm": "HD95, mm", "assd_mm": "ASSD, mm", "dice": "Dice", "cldice": "clDice",
         "betti0_error": "Betti-0 error", "grid_dice": "Dice", "grid_cldice": "clDice"}  # fmt: skip
METRICS = ("dice", "cldice", "hd95_mm", "assd_mm", "betti0_error")
COLUMNS = ("case", *METRICS, "grid_dice", "grid_cldice", "volume_mm3", "true_volume_mm3")
PERFECT = {"kind": "a perfect answer at the network's grid", "dice": "Dice, mean (sd)",
           "cldice": "clDice, mean (sd)"}  # fmt: skip


def ceiling(item: dict[str, str], spatial_size: list[int], mode: str) -> list[dict[str, Any]]:
    """Dice and clDice of a perfect answer at the network's grid: yes or no, or the volume fraction."""
    label = LoadCTAd(["label"])({"label": item["label"]})["label"]
    truth = label[0].numpy() > 0
    fraction = resize_volume(label.as_tensor(), spatial_size, "area")
    rows = []
    answers = {"at least half lumen": (fraction >= 0.5).float(), "volume fraction of lumen": fraction}
    for kind, answer in answers.items():
        mask = resize_volume(answer, truth.shape, mode)[0].numpy() >= CEILING_LEVEL
        box = region_of(mask | truth, margin=1)
        found, true = box.take(mask), box.take(truth)
        size_mm = np.array(truth.shape) / spatial_size * label.pixdim.numpy()
        rows.append(
            {"kind": kind, "dice": dice(found, true), "cldice": centerline_dice(found, true), "mm": size_mm}
        )
    return rows


def metric_table(summary: list[dict[str, Any]], wanted) -> str:
    rows = [row | {"metric": UNITS[name]} for name in wanted for row in summary if row["metric"] == name]
    return table(rows, {"metric": "", **{name: name for name in ("mean", "sd", "median", "min", "max")}})


def figures(cases: list[dict[str, Any]], ceilings: list[dict[str, Any]], weights: str, mode: str) -> str:
    """Weights, seeds, and the tables."""
    summary = summarise(cases)
    perfect = []
    for kind in dict.fromkeys(row["kind"] for row in ceilings):
        values = {name: [r[name] for r in ceilings if r["kind"] == kind] for name in ("dice", "cldice")}
        spread = {name: f"{np.mean(v):.3f} ({np.std(v, ddof=1):.3f})" for name, v in values.items()}
        perfect.append({"kind": kind} | spread)
    grid_mm = "×".join(f"{mm:.1f}" for mm in np.mean([row["mm"] for row in ceilings], axis=0))
    return f"""\
Weights {weights}; {len(cases)} phantoms at the scanner's matrix, seeds {FIRST} to {FIRST + len(cases) - 1}.

On the scan's own grid:

{metric_table(summary, METRICS)}

At the network's grid, with the threshold and the component rule of the scan's grid:

{metric_table(summary, ("grid_dice", "grid_cldice"))}

Labels brought to the network's grid, {grid_mm} mm a voxel on average, and back ({mode}, threshold
{CEILING_LEVEL}, the best of tenths for both):

{table(perfect, PERFECT)}"""


def main(
    count: int = 10,
    data: Path = ROOT / "data" / "test_full",
    output_dir: Path = ROOT / "eval" / "test_full",
    out: Out = RESULTS,
    processes: Processes = None,
    override: Set = None,
) -> None:
    keys = {"output_dir": output_dir, "write_geometry": False} | settings(override, "evaluate.yaml")
    items = held_out("test", count, data, processes)
    run = workflow("evaluate.yaml", **{"dataset#data": items} | keys)
    get = run.parser.get_parsed_content
    run.run()
    cases = json.loads((Path(get("output_dir")) / "metrics.json").read_text())["cases"]
    steps = get("inference_config")
    mode = steps["inverse_mode"]
    with torch.inference_mode():
        ceilings = [row for item in items for row in ceiling(item, steps["spatial_size"], mode)]
    text = figures(cases, ceilings, weights_line(get("ckpt_path")), mode)
    write_results(out, "accuracy", text, cases, COLUMNS)
