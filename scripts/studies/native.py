"""The network of native resolution beside the default one.

    python scripts/study.py native
    python scripts/study.py native --native runs/native/weights.pt     # as scripts/train_native.py leaves it
    python scripts/study.py native --set inferer#overlap=0.25          # of the windows

On held-out phantoms. Each runs as configs/inference.yaml has it, the native one with
configs/modes/native.yaml on top and fixed thresholds; both drop specks by the config's rule. Measured on the
scan's own grid: Dice, clDice, parts, and against the phantom's true centreline the precision, recall and F1
of the predicted one within 1.5 mm, and what is seen of the true one by its radius.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import typer
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, Orientation
from scipy.spatial import cKDTree
from shared import ROOT, Processes, Set, config_path, settings, workflow
from tqdm import tqdm

from bundle.common.coordinates import voxel_to_world, voxels_of
from bundle.common.crop import region_of
from bundle.common.thinning import skeleton
from bundle.metrics import centerline_dice, dice
from bundle.networks import read_checkpoint
from bundle.transforms import AdaptiveThresholdd, KeepComponentsd, LoadCTAd

from .common import RESULTS, Out, held_out, table, weights_line, write_results

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

CONFIGS = ("inference.yaml", "modes/native.yaml")
THRESHOLDS, NEAR_MM = (0.3, 0.4, 0.5), 1.5
RADII_MM = {"thin": (0, 0.8), "middle": (0.8, 1.5), "wide": (1.5, np.inf)}
LINE = ("precision", "recall", "f1", *(f"seen_{width}" for width in RADII_MM))
COLUMNS = ("case", "method", "seconds", "parts", "parts_before", "dice", "cldice", *LINE)
HEADS = {"method": "", "dice": "Dice", "cldice": "clDice", "f1": "F1 at 1.5 mm", "precision": "precision",
         "recall": "recall", "seen_thin": "seen r < 0.8", "seen_middle": "0.8 to 1.5",
         "seen_wide": "> 1.5 mm", "parts": "parts", "seconds": "s a scan"}  # fmt: skip

# In which the phantoms are drawn: where a skeleton runs depends a little on the order of the axes.
to_ras = Orientation("RAS", labels=(("L", "R"), ("P", "A"), ("I", "S")))


def network_keys(weights: Path) -> dict[str, Any]:
    """Keys of the config for a network of as many channels and logits as the weights have."""
    state = read_checkpoint(weights)
    state = state.get("model", state)
    first = re.compile(r"(encoders\.\d+|bottleneck)\.conv1\.weight")
    channels = [len(value) for name, value in state.items() if first.fullmatch(name)]
    head = len(state.get("head.weight", " "))  # of another network: the workflow says what is wrong with it
    return {"ckpt_path": weights, "channels": channels, "out_channels": head}


def predict(image: str, name: str, run: ConfigWorkflow) -> tuple[dict[str, MetaTensor], float]:
    """Masks (1, X, Y, Z) on the scan's grid by method, and the seconds from the loaded scan to them."""
    get = run.parser.get_parsed_content
    device = torch.device(get("device"))
    load, *steps = get("preprocessing").transforms
    data = load({"image": image})
    data["image"] = data["image"].to(device)
    began = time.perf_counter()
    data = Compose(steps)(data)
    with torch.inference_mode():
        with torch.autocast(device.type, torch.float16, enabled=get("amp")):
            pred = get("inferer")(data["image"].as_tensor()[None], get("network").eval())[0].float()
        data["pred"] = MetaTensor(pred).copy_meta_from(data["image"])
        data = Compose([get("inverse"), get("activation")])(data)
    levels = {f"native, {level}": (level, level) for level in THRESHOLDS}
    if name == "default":
        levels = {"default": (get("threshold_upper"), get("threshold_lower"))}
    masks = {
        method: AdaptiveThresholdd("pred", *bounds, get("threshold_confident"))(data)["pred"].cpu()
        for method, bounds in levels.items()
    }
    return masks, time.perf_counter() - began


def measure(mask: MetaTensor, label: MetaTensor, tree: dict, smallest_mm3: float) -> dict[str, Any]:
    """The figures of one mask; ``tree`` is the phantom's, as its truth file has it."""
    mask, truth = to_ras(mask), to_ras(label)[0].numpy() > 0
    kept = KeepComponentsd("pred", smallest_mm3)({"pred": mask})["pred"]
    before = KeepComponentsd("pred", 0)({"pred": mask})["pred"].meta["components"]
    found = kept[0].numpy() > 0
    row = {"parts": kept.meta["components"], "parts_before": before}
    row |= {"dice": dice(found, truth), "cldice": centerline_dice(found, truth)} | dict.fromkeys(LINE, 0.0)
    box = region_of(found, margin=0)
    if box is None:
        return row
    branches = [branch for branch in tree["branches"] if branch["radius_mm"]]
    true_line, radius = (np.concatenate([b[key] for b in branches]) for key in ("points_ras_mm", "radius_mm"))
    affine = box.affine(kept.affine.numpy())
    line = voxel_to_world(voxels_of(skeleton(box.take(found))), affine)
    seen = cKDTree(line).query(true_line)[0] <= NEAR_MM
    precision = float((cKDTree(true_line).query(line)[0] <= NEAR_MM).mean())
    recall = float(seen.mean())
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    row |= {"precision": precision, "recall": recall, "f1": f1}
    for width, (low, high) in RADII_MM.items():
        chosen = seen[(radius >= low) & (radius < high)]
        row[f"seen_{width}"] = float(chosen.mean()) if len(chosen) else float("nan")
    return row


def figures(rows: Sequence[Mapping[str, Any]], weights: Sequence[str]) -> str:
    """Weights, seeds, and a row a method: means over the cases, of the seconds the median."""
    means = []
    for method in dict.fromkeys(row["method"] for row in rows):
        of = [row for row in rows if row["method"] == method]
        values = {name: np.array([float(row[name]) for row in of]) for name in COLUMNS[2:]}
        mean = {name: float(np.nanmean(v)) if np.isfinite(v).any() else None for name, v in values.items()}
        means.append(mean | {"method": method, "seconds": float(np.median(values["seconds"]))})
    seeds = sorted({int(row["case"]) for row in rows})
    which = f"seeds {seeds[0]} to {seeds[-1]}"
    forms = dict.fromkeys(HEADS, ".3f") | {"method": "", "parts": ".1f", "seconds": ".1f"}
    return f"""\
Weights {" and ".join(weights)}; {len(seeds)} phantoms at the scanner's matrix, {which}.

{table(means, HEADS, **forms)}"""


def main(
    count: int = 10,
    data: Path = ROOT / "data" / "test_full",
    default: Annotated[Path, typer.Option(help="weights of the default network")] = ROOT / "models/model.pt",
    native: Annotated[Path, typer.Option(help="of the native one")] = ROOT / "models/native_checkpoint.pt",
    out: Out = RESULTS,
    processes: Processes = None,
    override: Set = None,
) -> None:
    """Make the phantoms that are missing, predict, measure, and write the page.

    What is set of a key that modes/native.yaml has is for the native network alone.
    """
    own = settings(override, *CONFIGS)
    mode = ConfigParser.load_config_file(config_path(CONFIGS[1]))
    both = {key: value for key, value in own.items() if key.split("#")[0] not in mode}
    runs = {
        "default": workflow(CONFIGS[0], **network_keys(default) | both),
        "native": workflow(*CONFIGS, **network_keys(native) | own),
    }
    rows = []
    for item in tqdm(held_out("test", count, data, processes), desc="cases"):
        truth = json.loads(Path(item["image"].replace(".img.nii.gz", ".truth.json")).read_text())
        label = LoadCTAd(["label"])({"label": item["label"]})["label"]
        for name, run in runs.items():
            masks, seconds = predict(item["image"], name, run)
            smallest = run.parser.get_parsed_content("min_component_mm3")
            for method, mask in masks.items():
                about = {"case": truth["parameters"]["seed"], "method": method, "seconds": round(seconds, 2)}
                rows.append(about | measure(mask, label, truth, smallest))
    rows.sort(key=lambda row: (row["method"], row["case"]))
    text = figures(rows, [weights_line(path) for path in (default, native)])
    write_results(out, "native", text, rows, COLUMNS)
