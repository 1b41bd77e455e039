"""Which way back to the scan's grid, which threshold, which component rule: measured on validation phantoms.

    python scripts/choose_postprocessing.py --count 8 --markdown docs/postprocessing.md

Phantoms at the scanner's matrix, of the validation seeds, go through the steps of configs/inference.yaml up
to the network, once. What follows is swept: the inverse on the probability or on the logit, linear or spline,
the threshold, and the smallest component that stays. Every figure is of the scan's own grid. Test phantoms
have other seeds and are never seen here.
"""

from __future__ import annotations

import datetime
import hashlib
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cc3d
import fire
import numpy as np
import torch
from monai.bundle import ConfigWorkflow
from monai.data import MetaTensor, list_data_collate
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bundle.common.crop import region_of  # noqa: E402
from bundle.common.files import write_text  # noqa: E402
from bundle.common.tables import to_csv  # noqa: E402
from bundle.common.thinning import skeleton  # noqa: E402
from bundle.data import find_cases, part_of  # noqa: E402
from bundle.phantom import write_imagecas  # noqa: E402
from bundle.transforms import AdaptiveThreshold, LoadCTAd  # noqa: E402

FIRST_SEED = 2_000_000
ORDERS, MODES = ("probability", "logit"), ("linear", "spline")
THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
VOLUMES_MM3 = (0, 10, 30, 60, 100)
VOLUME_ERROR, PIECES = 0.1, 0.4
RULE = (
    "Rule: of the settings whose volume is within 10 % of the truth (diameters are measured on the result) "
    "and whose Betti-0 error is at most 0.4 (each one is a break in the tree, or a speck beside it), the one "
    "with the highest mean of Dice and clDice."
)
COLUMNS = ("case", "order", "mode", "threshold", "min_mm3", "dice", "cldice", "volume_ratio", "betti0_error",
           "inverse_s", "confidence")  # fmt: skip


def sweep_components(
    mask: np.ndarray, truth: np.ndarray, thin_truth: np.ndarray, voxel_mm3: float
) -> list[dict[str, Any]]:
    """Dice, clDice, volume ratio and Betti-0 error for every smallest volume, from one labelling of ``mask``.

    All four are sums over components, and thinning treats each 26-connected component by itself, so what
    leaving one out does is known without measuring again. ``thin_truth`` is the skeleton of ``truth``.
    """
    labels, count = cc3d.connected_components(mask, connectivity=26, return_N=True)
    thin = skeleton(mask)
    per_part = {
        "voxels": labels[mask],
        "shared": labels[mask & truth],
        "line": labels[thin],
        "line_shared": labels[thin & truth],
        "truth_line_shared": labels[thin_truth & mask],
    }
    per_part = {name: np.bincount(of, minlength=count + 1) for name, of in per_part.items()}
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


def sweep_case(item: dict[str, str], workflows: dict[str, ConfigWorkflow]) -> list[dict[str, Any]]:
    """The rows of one case."""
    truth = LoadCTAd(["label"])({"label": item["label"]})["label"]
    voxel_mm3 = abs(float(np.linalg.det(truth.affine.numpy()[:3, :3])))
    truth = truth[0].numpy() > 0
    logits, rows = None, []
    for mode, workflow in workflows.items():
        get = workflow.parser.get_parsed_content
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
            confidence = AdaptiveThreshold(0.35, 0.2, 0.6).confidence(probability.as_tensor(), voxel_mm3)
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
        groups[tuple(row[key] for key in ("order", "mode", "threshold", "min_mm3"))].append(row)
    means = []
    for key, of in groups.items():
        mean = dict(zip(("order", "mode", "threshold", "min_mm3"), key))
        for name in ("dice", "cldice", "volume_ratio", "betti0_error", "inverse_s"):
            mean[name] = float(np.mean([row[name] for row in of]))
        mean["dice_sd"] = float(np.std([row["dice"] for row in of], ddof=1)) if len(of) > 1 else float("nan")
        means.append(mean)
    return means


def score(mean: dict[str, Any]) -> float:
    """Overlap and the course of the tree weigh the same."""
    return (mean["dice"] + mean["cldice"]) / 2


def choose(means: list[dict[str, Any]]) -> dict[str, Any]:
    """The best score of the settings that can be measured on: see `RULE`."""
    usable = [m for m in means if abs(m["volume_ratio"] - 1) <= VOLUME_ERROR and m["betti0_error"] <= PIECES]
    if not usable:
        raise ValueError("no setting keeps the rule for volume and Betti-0 error; look at the rows (--csv)")
    return max(usable, key=score)


def table(means: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| inverse on | interpolation | threshold | smallest part, mm³ | Dice (sd) | clDice | volume ratio | "
        "Betti-0 error | inverse, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for m in means:
        lines.append(
            f"| {m['order']} | {m['mode']} | {m['threshold']} | {m['min_mm3']} | {m['dice']:.4f} "
            f"({m['dice_sd']:.3f}) | {m['cldice']:.4f} | {m['volume_ratio']:.3f} | {m['betti0_error']:.2f} | "
            f"{m['inverse_s']:.2f} |"
        )
    return lines


def report(means: list[dict[str, Any]], rows: list[dict[str, Any]], weights: str) -> str:
    """The page: the choice, then what each part of it does with the others held."""
    best = choose(means)
    ways = [(order, mode) for order in ORDERS for mode in MODES]
    ways = [max((m for m in means if (m["order"], m["mode"]) == way), key=score) for way in ways]
    cases = sorted({row["case"] for row in rows}, key=int)
    confidences = sorted({row["confidence"] for row in rows if row["order"] == best["order"]})

    def beside(*free: str) -> list[str]:
        fixed = {"order", "mode", "threshold", "min_mm3"} - set(free)
        return table([m for m in means if all(m[key] == best[key] for key in fixed)])

    lines = [
        "# Which post-processing",
        "",
        f"Written by `scripts/choose_postprocessing.py` on {datetime.date.today()} with {weights}: "
        f"{len(cases)} validation phantoms at the scanner's matrix, seeds {FIRST_SEED} "
        f"to {FIRST_SEED + len(cases) - 1}. The network works at its own grid; all figures are of the scan's "
        "grid, means over the cases. Test phantoms have other seeds and were not looked at.",
        "",
        RULE,
        "",
        f"**Chosen:** inverse on the {best['order']}, {best['mode']}, threshold {best['threshold']}, parts "
        f"from {best['min_mm3']} mm³: Dice {best['dice']:.4f}, clDice {best['cldice']:.4f}. Confidence of "
        f"the predictions (`AdaptiveThreshold`): {confidences[0]:.3f} to {confidences[-1]:.3f}; the "
        "threshold falls for a scan less confident than all of them (`threshold_confident`).",
        "",
        "## Each way back at its own best threshold and smallest part, the rule aside",
        "",
        *table(ways),
        "",
        "## Threshold",
        "",
        *beside("threshold"),
        "",
        "## Smallest part",
        "",
        *beside("min_mm3"),
        "",
        "## Ways back and thresholds, smallest part as chosen",
        "",
        *beside("order", "mode", "threshold"),
    ]
    return "\n".join(lines) + "\n"


def main(
    count: int = 8,
    data: str = str(ROOT / "data" / "validation_full"),
    markdown: str = str(ROOT / "docs" / "postprocessing.md"),
    csv: str | None = None,
    processes: int | None = None,
    ckpt_path: str = str(ROOT / "models" / "model.pt"),
    **override: Any,
) -> None:
    """Make the phantoms that are missing, sweep, and write the tables.

    Args:
        count: phantoms.
        data: their folder; those that are there are kept.
        markdown: the page to write.
        csv: a file for the row of every case and setting.
        processes: workers that make phantoms, by default a core each.
        ckpt_path: the weights.
        **override: keys of configs/inference.yaml.
    """
    write_imagecas(range(FIRST_SEED, FIRST_SEED + count), data, processes=processes)
    override = {"bundle_root": str(ROOT), "dataset_dir": data, "ckpt_path": ckpt_path} | override
    workflows = {}
    for mode in MODES:
        workflows[mode] = ConfigWorkflow(
            str(ROOT / "configs" / "inference.yaml"),
            workflow_type="inference",
            logging_file=False,
            inverse_mode=mode,
            **override,
        )
        workflows[mode].initialize()
    digest = hashlib.sha256(Path(ckpt_path).read_bytes()).hexdigest()[:12]
    weights = f"`{Path(ckpt_path).name}` (SHA-256 {digest}…)"
    rows: list[dict[str, Any]] = []
    for item in tqdm(part_of(find_cases(data), "all"), desc="cases"):
        rows += sweep_case(item, workflows)
        if csv is not None:
            write_text(csv, to_csv(rows, COLUMNS))
    means = mean_over_cases(rows)
    write_text(markdown, report(means, rows, weights))
    print(*table(sorted(means, key=score, reverse=True)[:10]), sep="\n")
    print(f"tables: {markdown}")


if __name__ == "__main__":
    fire.Fire(main)
