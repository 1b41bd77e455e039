"""Which way back to the scan's grid, threshold, components.

    python scripts/study.py postprocessing --count 8

Phantoms at the scanner's matrix, of the validation seeds, go through the steps of configs/inference.yaml up
to the network, once. What follows is swept: the inverse on the probability or on the logit, linear or spline,
the threshold, and the smallest component that stays. Every figure is of the scan's own grid. Test phantoms
have other seeds and are never seen here.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cc3d
import numpy as np
import torch
from monai.data import MetaTensor, list_data_collate
from shared import ROOT, SEEDS, Processes, Set, settings, workflow
from tqdm import tqdm

from bundle.common.crop import region_of
from bundle.common.errors import RunFailed
from bundle.common.tables import exact, write_csv
from bundle.common.thinning import skeleton
from bundle.transforms import AdaptiveThresholdd, LoadCTAd

from .common import RESULTS, Out, held_out, table, weights_line, write_results

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

ORDERS, MODES = ("probability", "logit"), ("linear", "spline")
THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
VOLUMES_MM3 = (0, 10, 30, 60, 100)
VOLUME_ERROR, PIECES = 0.1, 0.4
SETTING = ("order", "mode", "threshold", "min_mm3")
FIGURES = ("dice", "cldice", "volume_ratio", "betti0_error", "inverse_s")
COLUMNS = ("case", *SETTING, *FIGURES, "confidence")

HEADS = {"order": "inverse on", "mode": "interpolation", "threshold": "threshold",
         "min_mm3": "smallest part, mm³", "dice_and_sd": "Dice (sd)", "cldice": "clDice",
         "volume_ratio": "volume ratio", "betti0_error": "Betti-0 error",
         "inverse_s": "inverse, s"}  # fmt: skip


def sweep_components(
    mask: np.ndarray, truth: np.ndarray, thin_truth: np.ndarray, voxel_mm3: float
) -> list[dict[str, Any]]:
    """Dice, clDice, volume ratio and Betti-0 error for every smallest volume, from one labelling of ``mask``.

    All four are sums over components, and thinning treats each 26-connected component by itself, so what
    leaving one out does is known without measuring again. ``thin_truth`` is the skeleton of ``truth``.
    """
    labels, count = cc3d.connected_components(mask, connectivity=26, return_N=True)
    thin = skeleton(mask)
    sets = {"voxels": mask, "shared": mask & truth, "line": thin, "line_shared": thin & truth,
            "truth_line_shared": thin_truth & mask}  # fmt: skip
    per_part = {name: np.bincount(labels[of], minlength=count + 1) for name, of in sets.items()}
    true_parts = cc3d.connected_components(truth, connectivity=26, return_N=True)[1]
    rows = []
    for smallest in VOLUMES_MM3:
        stays = per_part["voxels"] * voxel_mm3 >= max(smallest, voxel_mm3 / 2)
        total = {name: int(parts[stays].sum()) for name, parts in per_part.items()}
        precision = total["line_shared"] / max(total["line"], 1)
        sensitivity = total["truth_line_shared"] / np.count_nonzero(thin_truth)
        rows.append(
            {
                "min_mm3": smallest,
                "dice": 2 * total["shared"] / (total["voxels"] + np.count_nonzero(truth)),
                "cldice": 2 * precision * sensitivity / max(precision + sensitivity, 1e-9),
                "volume_ratio": total["voxels"] / np.count_nonzero(truth),
                "betti0_error": abs(int(stays.sum()) - true_parts),
            }
        )
    return rows


def sweep_case(item: dict[str, str], runs: dict[str, ConfigWorkflow]) -> list[dict[str, Any]]:
    """The rows of one case."""
    truth = LoadCTAd(["label"])({"label": item["label"]})["label"]
    voxel_mm3 = abs(float(np.linalg.det(truth.affine.numpy()[:3, :3])))
    truth = truth[0].numpy() > 0
    logits, rows = None, []
    threshold_of = AdaptiveThresholdd("pred", 0.35, 0.2, 0.6)
    for mode, run in runs.items():
        get = run.parser.get_parsed_content
        data = get("preprocessing")({"image": item["image"]})
        if logits is None:
            with torch.inference_mode():
                batch = list_data_collate([data])["image"].as_tensor().to(get("device"))
                logits = get("network").eval()(batch)[0].cpu().clone()
        for order in ORDERS:
            start = time.perf_counter()
            pred = MetaTensor(logits if order == "logit" else logits.sigmoid())
            restored = get("inverse")({"pred": pred.copy_meta_from(data["image"]), "image": data["image"]})
            probability = restored["pred"].sigmoid_() if order == "logit" else restored["pred"]
            seconds = time.perf_counter() - start
            confidence = threshold_of.confidence(probability.as_tensor(), voxel_mm3)
            values = probability[0].numpy()
            box = region_of((values >= min(THRESHOLDS)) | truth, margin=1)
            values, true = box.take(values), box.take(truth)
            thin_true = skeleton(true)
            for threshold in THRESHOLDS:
                about = {"case": item["case"], "order": order, "mode": mode, "threshold": threshold}
                about |= {"inverse_s": seconds, "confidence": confidence}
                found = sweep_components(values >= threshold, true, thin_true, voxel_mm3)
                rows += [about | row for row in found]
    return rows


def mean_over_cases(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a setting: the means over the cases, with the sample's sd of the Dice."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in SETTING)].append(row)
    means = []
    for key, of in groups.items():
        mean = dict(zip(SETTING, key))
        mean |= {name: float(np.mean([row[name] for row in of])) for name in FIGURES}
        mean["dice_sd"] = float(np.std([row["dice"] for row in of], ddof=1)) if len(of) > 1 else float("nan")
        means.append(mean)
    return means


def score(mean: dict[str, Any]) -> float:
    """Overlap and the course of the tree weigh the same."""
    return (mean["dice"] + mean["cldice"]) / 2


def choose(means: list[dict[str, Any]]) -> dict[str, Any]:
    """The best score of the settings that can be measured on: see docs/results/postprocessing.md."""
    usable = [m for m in means if abs(m["volume_ratio"] - 1) <= VOLUME_ERROR and m["betti0_error"] <= PIECES]
    if not usable:
        raise RunFailed("no setting keeps the rule for volume and Betti-0 error; postprocessing.csv has all")
    return max(usable, key=score)


def rows_of(means: list[dict[str, Any]]) -> str:
    """A table with a row a setting."""
    rows = [mean | {"dice_and_sd": f"{mean['dice']:.4f} ({mean['dice_sd']:.3f})"} for mean in means]
    return table(rows, HEADS, cldice=".4f", volume_ratio=".3f", betti0_error=".2f", inverse_s=".2f")


def tables(means: list[dict[str, Any]], rows: list[dict[str, Any]], weights: str) -> str:
    """The choice, then what each part of it does with the others held."""
    best = choose(means)
    ways = [(order, mode) for order in ORDERS for mode in MODES]
    ways = [max((m for m in means if (m["order"], m["mode"]) == way), key=score) for way in ways]
    count, first = len({row["case"] for row in rows}), SEEDS["validation"]
    confidences = [row["confidence"] for row in rows if row["order"] == best["order"]]

    def beside(*free: str) -> str:
        return rows_of([m for m in means if all(m[key] == best[key] for key in set(SETTING) - set(free))])

    return f"""\
Weights {weights}; {count} validation phantoms at the scanner's matrix, seeds {first} to {first + count - 1}.

**Chosen:** inverse on the {best["order"]}, {best["mode"]}, threshold {best["threshold"]}, parts from \
{best["min_mm3"]} mm³: Dice {best["dice"]:.4f}, clDice {best["cldice"]:.4f}. Confidence of the predictions \
(`AdaptiveThresholdd`): {min(confidences):.3f} to {max(confidences):.3f}.

## Each way back at its own best threshold and smallest part, the rule aside

{rows_of(ways)}

## Threshold

{beside("threshold")}

## Smallest part

{beside("min_mm3")}

## Ways back and thresholds, smallest part as chosen

{beside("order", "mode", "threshold")}"""


def main(
    count: int = 8,
    data: Path = ROOT / "data" / "validation_full",
    out: Out = RESULTS,
    processes: Processes = None,
    override: Set = None,
) -> None:
    keys = {"dataset_dir": data} | settings(override, "inference.yaml")
    items = held_out("validation", count, data, processes)
    runs = {mode: workflow("inference.yaml", **(keys | {"inverse_mode": mode})) for mode in MODES}
    rows: list[dict[str, Any]] = []
    for item in tqdm(items, desc="cases"):
        rows += sweep_case(item, runs)
        write_csv(out / "postprocessing.csv", rows, COLUMNS, exact)
    means = mean_over_cases(rows)
    print(rows_of(sorted(means, key=score, reverse=True)[:10]))
    weights = weights_line(runs[MODES[0]].parser.get_parsed_content("ckpt_path"))
    write_results(out, "postprocessing", tables(means, rows, weights), rows, COLUMNS)
