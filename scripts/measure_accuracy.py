"""Accuracy of the shipped weights on held-out phantoms, from nothing to docs/accuracy.md.

    python scripts/measure_accuracy.py

Makes the phantoms that are missing (test seeds, scanner's matrix), runs configs/evaluate.yaml on all of them,
and measures what the network's grid would cost a perfect network. Rerun it after new weights.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import fire
import numpy as np
import torch
from monai.bundle import ConfigWorkflow

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT))

from benchmark_inference import machine  # noqa: E402

from bundle.common.crop import region_of  # noqa: E402
from bundle.common.files import write_text  # noqa: E402
from bundle.common.tables import cell  # noqa: E402
from bundle.data import find_cases, part_of  # noqa: E402
from bundle.handlers.cases import SCAN_METRICS, summarise  # noqa: E402
from bundle.metrics import centerline_dice, dice  # noqa: E402
from bundle.phantom import write_imagecas  # noqa: E402
from bundle.transforms import LoadCTAd, resize_volume  # noqa: E402

FIRST_SEED = 3_000_000
CEILING_LEVEL = 0.4
UNITS = {"hd95_mm": "HD95, mm", "assd_mm": "ASSD, mm", "dice": "Dice", "cldice": "clDice",
         "betti0_error": "Betti-0 error", "grid_dice": "Dice", "grid_cldice": "clDice"}  # fmt: skip
LIMITS = """\
The network sees 128×128×64 voxels: over these scans that is {grid_mm} mm a voxel on average, and the vessels
are 1 to 4 mm wide. So

- a distal branch that fills a small part of every voxel it crosses stands little above the noise, and its
  share of lumen lies under the threshold: clDice shows it first;
- where in a voxel the wall lies is known only from partial volume, and small shifts are dear in thin vessels:
  a wall 0.25 mm too far out, less than a fifth of a network voxel, takes the Dice of a tube of 3 mm to 0.85;
- a vessel that is thin over a stretch comes apart there: more pieces, so a Betti-0 error.

The table below leaves the network out: the labels themselves go to the network's grid and back to the scan's
({mode}, threshold {level}, the best of tenths for both). A network that answers yes or no a voxel at this
grid is held to about the first row; one that answered with the share of lumen in the voxel would come to the
second, and that is what it is trained for. More needs a finer grid.
"""


def ceiling(item: dict[str, str], spatial_size: list[int], mode: str) -> list[dict[str, Any]]:
    """Dice and clDice of a perfect answer at the network's grid: yes or no a voxel, or the lumen's share."""
    label = LoadCTAd(["label"])({"label": item["label"]})["label"]
    truth = label[0].numpy() > 0
    share = resize_volume(label.as_tensor(), spatial_size, "area")
    rows = []
    for kind, answer in (("at least half lumen", (share >= 0.5).float()), ("share of lumen", share)):
        mask = resize_volume(answer, truth.shape, mode)[0].numpy() >= CEILING_LEVEL
        box = region_of(mask | truth, margin=1)
        found, true = box.take(mask), box.take(truth)
        size_mm = np.array(truth.shape) / spatial_size * label.pixdim.numpy()
        rows.append(
            {"kind": kind, "dice": dice(found, true), "cldice": centerline_dice(found, true), "mm": size_mm}
        )
    return rows


def metric_rows(summary: list[dict[str, Any]], wanted) -> list[str]:
    lines = ["| | mean | sd | median | min | max |", "|---|---|---|---|---|---|"]
    for row in summary:
        if row["metric"] in wanted:
            numbers = [cell(float(row[name])) for name in ("mean", "sd", "median", "min", "max")]
            lines.append(f"| {UNITS[row['metric']]} | {' | '.join(numbers)} |")
    return lines


def page(metrics: dict[str, Any], ceilings: list[dict[str, Any]], weights: str, mode: str, count: int) -> str:
    """docs/accuracy.md."""
    summary = summarise(metrics["cases"])
    columns = ("case", *SCAN_METRICS, "grid_dice", "grid_cldice", "volume_mm3", "true_volume_mm3")
    lines = [
        "# Accuracy on held-out phantoms",
        "",
        "No real labelled scan was used, for training or here: these figures say how well the network has "
        "learnt the phantoms, not how it does on patients.",
        "",
        f"{datetime.date.today()}, {machine()}; weights {weights}; "
        f"{len(metrics['cases'])} phantoms at the scanner's matrix, seeds {FIRST_SEED} to "
        f"{FIRST_SEED + count - 1}, which neither training nor the choice of the post-processing has seen.",
        "",
        "```",
        "python scripts/measure_accuracy.py     # all of this page; or, step by step:",
        f"python scripts/make_phantoms.py --count {count} --first-seed {FIRST_SEED} --out data/test_full",
        "python -m monai.bundle run evaluating --config_file configs/evaluate.yaml \\",
        "    --dataset_dir data/test_full --part all --output_dir eval/test_full",
        "```",
        "",
        "## On the scan's own grid",
        "",
        *metric_rows(summary, SCAN_METRICS),
        "",
        "## At the network's grid, 128×128×64",
        "",
        *metric_rows(summary, ("grid_dice", "grid_cldice")),
        "",
        "Threshold and component rule are those of the scan's grid; `models/training_card.json` has these "
        "two figures over more test seeds, in the small form and at a threshold of 0.5.",
        "",
        "## Case by case",
        "",
        f"| {' | '.join(columns)} |",
        "|" + "---|" * len(columns),
        *[f"| {' | '.join(cell(row[name]) for name in columns)} |" for row in metrics["cases"]],
        "",
        "## What limits it",
        "",
        LIMITS.format(grid_mm=grid_size(ceilings), mode=mode, level=CEILING_LEVEL),
        "| a perfect answer at the network's grid | Dice, mean (sd) | clDice, mean (sd) |",
        "|---|---|---|",
    ]
    for kind in dict.fromkeys(row["kind"] for row in ceilings):
        of = [row for row in ceilings if row["kind"] == kind]
        values = [[row[name] for row in of] for name in ("dice", "cldice")]
        numbers = [f"{np.mean(v):.3f} ({np.std(v, ddof=1):.3f})" for v in values]
        lines.append(f"| {kind} | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


def grid_size(ceilings: list[dict[str, Any]]) -> str:
    return "×".join(f"{mm:.1f}" for mm in np.mean([row["mm"] for row in ceilings], axis=0))


def main(
    count: int = 10,
    data: str = str(ROOT / "data" / "test_full"),
    output_dir: str = str(ROOT / "eval" / "test_full"),
    markdown: str = str(ROOT / "docs" / "accuracy.md"),
    processes: int | None = None,
    **override: Any,
) -> None:
    """Make the phantoms that are missing, evaluate, and write the page.

    Args:
        count: phantoms.
        data: their folder; those that are there are kept.
        output_dir: of the evaluation.
        markdown: the page to write.
        processes: workers that make phantoms, by default a core each.
        **override: keys of configs/evaluate.yaml.
    """
    write_imagecas(range(FIRST_SEED, FIRST_SEED + count), data, processes=processes)
    workflow = ConfigWorkflow(
        str(ROOT / "configs" / "evaluate.yaml"),
        workflow_type="inference",
        logging_file=False,
        dataset_dir=data,
        **(
            {"bundle_root": str(ROOT), "output_dir": output_dir, "part": "all", "write_geometry": False}
            | override
        ),
    )
    workflow.initialize()
    path = Path(workflow.parser.get_parsed_content("ckpt_path"))
    weights = f"`{path.name}` (SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}…)"
    workflow.run()
    metrics = json.loads((Path(output_dir) / "metrics.json").read_text())
    size, mode = (workflow.parser.get_parsed_content(key) for key in ("spatial_size", "inverse_mode"))
    with torch.inference_mode():
        ceilings = [row for item in part_of(find_cases(data), "all") for row in ceiling(item, size, mode)]
    write_text(markdown, page(metrics, ceilings, weights, mode, count))
    print(f"page: {markdown}")


if __name__ == "__main__":
    fire.Fire(main)
