"""The same training under each loss of configs/ablation.

    python scripts/study.py ablation --init models/native_checkpoint.pt
    python scripts/study.py ablation --only dice --only recall --no-measure    # on one of several GPUs

Each training is configs/train.yaml with modes/native_train.yaml and the overlay on top; those that are done
are not done again, and a stopped one goes on. Measured on crops of patients that were never trained on, at
the threshold 0.5: Dice and clDice; the part of the true centreline that is marked; parts too many or too few
in a crop; how many voxels are neither sure nor empty; and how rough the surface is, as the distance by which
smoothing moves it.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import cc3d
import numpy as np
import typer
from shared import ROOT, Set, config_path, settings, workflow

from bundle.metrics import centerline_dice, dice

from .common import RESULTS, Out, table, weights_line, write_results

CONFIGS = ("train.yaml", "modes/native_train.yaml")
OVERLAYS = ("dice", "dice_bce", "cldice", "recall", "boundary")
FIRST_SEED = 2_950_000
SPACING_MM = 0.5
FIGURES = ("dice", "cldice", "recall", "betti0_error", "unsure", "roughness_mm")
HEADS = {"loss": "loss", "dice": "Dice", "cldice": "clDice", "recall": "centreline marked",
         "betti0_error": "parts, error", "unsure": "unsure, % of lumen",
         "roughness_mm": "roughness, mm"}  # fmt: skip


def overlay(name: str) -> str:
    """A file of configs/ablation."""
    return f"ablation/{name}.yaml"


def train(name: str, run_dir: Path, steps: int, init: Path | None, own: dict[str, Any]) -> None:
    """Train under one overlay, unless it is done."""
    from bundle.handlers.training import LAST_CHECKPOINT

    if (run_dir / "model.pt").is_file():
        return
    resume = (run_dir / LAST_CHECKPOINT).is_file()
    keys = {"output_dir": run_dir, "resume": resume, "epoch_steps": steps // 2, "max_epochs": 2}
    keys |= {"init_weights": init, "warmup_steps": 50, "val_batches": 0} | own
    training = workflow(*CONFIGS, overlay(name), run_id="training", logging=True, **keys)
    training.run()
    training.finalize()


def surface_roughness(values: np.ndarray) -> float:
    """Root mean square distance (mm) by which smoothing (Taubin's) moves the surface at 0.5; or nan."""
    import trimesh
    from skimage.measure import marching_cubes

    values = np.pad(values[1:-1, 1:-1, 1:-1], 1)
    if values.max() <= 0.5:
        return float("nan")
    points, faces, *_ = marching_cubes(values, 0.5, spacing=(SPACING_MM,) * 3)
    surface = trimesh.Trimesh(points, faces, process=False)
    smooth = trimesh.smoothing.filter_taubin(surface.copy(), iterations=30)
    return float(np.sqrt(((smooth.vertices - surface.vertices) ** 2).sum(1).mean()))


def measure(probability: np.ndarray, lumen: np.ndarray, line: np.ndarray) -> dict[str, float] | None:
    """The figures of one crop, (X, Y, Z) each; None where it has no lumen."""
    truth, found = lumen >= 0.5, probability >= 0.5
    if truth.sum() < 100:
        return None
    parts = [cc3d.connected_components(mask, connectivity=26, return_N=True)[1] for mask in (found, truth)]
    return {
        "dice": dice(found, truth),
        "cldice": centerline_dice(found, truth),
        "recall": float(found[line].mean()) if line.any() else float("nan"),
        "betti0_error": abs(parts[0] - parts[1]),
        "unsure": 100 * float(((probability > 0.1) & (probability < 0.9)).sum() / truth.sum()),
        "roughness_mm": surface_roughness(probability.astype(np.float32)),
    }


def measure_all(weights: dict[str, Path], count: int, own: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of crop and loss; the true volume fraction stands beside the losses as "truth"."""
    import torch
    from monai.bundle import ConfigParser

    from bundle.handlers.training import TARGETS
    from bundle.networks import load_weights
    from bundle.phantom.crops import CropStream

    get = ConfigParser(ConfigParser.load_config_files([config_path(name) for name in CONFIGS]) | own)
    get = get.get_parsed_content
    device, prepare = torch.device(get("device")), get("train#prepare_batch")
    networks = {name: load_weights(deepcopy(get("network_def")), path) for name, path in weights.items()}
    for network in networks.values():
        network.to(device).eval()
    stream = CropStream(FIRST_SEED, 4, tuple(get("crop")), crops_a_patient=4)
    jobs, rows = [], []
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for number, plans in enumerate(itertools.islice(stream, count // 4)):
            image, target = prepare(plans, device)
            arrays = {"truth": target[:, 0]}
            for name, network in networks.items():
                with torch.inference_mode():
                    arrays[name] = network(image)[:, 0].float().sigmoid()
            lumen, line = target[:, 0].cpu().numpy(), target[:, TARGETS.index("centerline")].cpu().numpy() > 0
            for name, batch in arrays.items():
                for k, values in enumerate(batch.cpu().numpy()):
                    jobs.append((4 * number + k, name, pool.submit(measure, values, lumen[k], line[k])))
        for crop, name, job in jobs:
            if (figures := job.result()) is not None:
                rows.append({"crop": crop, "loss": name} | figures)
    return rows


def main(
    steps: Annotated[int, typer.Option(help="of each training")] = 600,
    count: Annotated[int, typer.Option(help="crops to measure on")] = 64,
    only: Annotated[list[str] | None, typer.Option(help="overlays; by default all")] = None,
    init: Annotated[Path | None, typer.Option(metavar="FILE", help="weights that all start from")] = None,
    run_dir: Annotated[Path, typer.Option(help="a folder a loss")] = ROOT / "runs" / "ablation",
    measured: Annotated[bool, typer.Option("--measure/--no-measure", help="when all are trained")] = True,
    out: Out = RESULTS,
    override: Set = None,
) -> None:
    names = only or list(OVERLAYS)
    missing = [name for name in names if not Path(config_path(overlay(name))).is_file()]
    if missing:
        raise typer.BadParameter(f"there is no configs/{overlay(missing[0])}")
    own = settings(override, *CONFIGS)
    for name in names:
        train(name, run_dir / name, steps, init, own)
    if not measured:
        return
    weights = {name: run_dir / name / "model.pt" for name in names}
    rows = measure_all(weights, count, own)
    means = []
    for name in ("truth", *names):
        of = [row for row in rows if row["loss"] == name]
        means.append({"loss": name} | {f: float(np.nanmean([row[f] for row in of])) for f in FIGURES})
    start = f" from {weights_line(init)}" if init else " from nothing"
    forms = dict.fromkeys(FIGURES[:3], ".3f")
    forms |= {"betti0_error": ".2f", "unsure": ".1f", "roughness_mm": ".4f"}
    text = f"""\
{steps} steps each{start}; {len(rows) // len(means)} crops with lumen of patients from seed {FIRST_SEED}.

{table(means, HEADS, **forms)}"""
    write_results(out, "ablation", text, rows, ("crop", "loss", *FIGURES))
