"""How wide networks draw narrowed and healthy vessels.

    python scripts/study.py narrowings
    python scripts/study.py narrowings --weights runs/native/model.pt --weights models/native_checkpoint.pt

On crops of patients that were never trained on, each centred on the narrowest point of a lesion of 40 % and
more or on a healthy point of the same patient's vessels, scanned at random but with physical intensities. In
a slab of 2 mm across the vessel the lumen's true volume is known; that of the voxels over 0.5 gives a
diameter beside the true one. The network looks once, at 0.5 mm, without what comes after it in a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from scipy.spatial import cKDTree
from shared import ROOT, config_path

from bundle.common.files import sha256_of
from bundle.phantom.crops import CropPlan, Patient, draw_patient, draw_plan

from .common import RESULTS, Out, table, write_results

CONFIGS = ("train.yaml", "modes/native_train.yaml")
FIRST_SEED = 2_960_000
SPACING_MM, SHAPE = 0.5, (96, 96, 96)
LEAST_PERCENT, LEAST_RADIUS_MM = 40.0, 0.75
HALF_SLAB_MM, FAR_MM = 1.0, 8.0
COLUMNS = ("patient", "kind", "percent", "reference_mm", "weights", "true_mm", "drawn_mm")
HEADS = {"kind": "", "weights": "weights, SHA-256", "count": "places", "true_mm": "true diameter, mm",
         "error_mm": "drawn less true, mm, median", "low_mm": "10 %", "high_mm": "90 %",
         "off_mm": "mean of absolute", "lost": "not drawn"}  # fmt: skip


@dataclass
class Place:
    """Where to measure: a point on a vessel's middle, its direction, its outer radius (mm); what is there."""

    patient: int
    kind: str
    percent: float
    reference_mm: float
    point: np.ndarray
    direction: np.ndarray
    outer: float


def tubes_of(patient: Patient, group: str) -> Iterator[np.ndarray]:
    """Nodes (N, 5) of each tube of a group."""
    of = patient.tube_nodes(group)
    for first, last in zip(patient.tube_start[:-1], patient.tube_start[1:]):
        if of[first]:
            yield patient.nodes[first:last].astype(float)


def places(patient: Patient) -> list[Place]:
    """Every lesion of `LEAST_PERCENT` and more, and as many healthy points."""
    lumen = np.concatenate(list(tubes_of(patient, "lumen")))
    calcium = patient.nodes[patient.tube_nodes("calcium"), :3]
    found, healthy = [], []
    for wall in tubes_of(patient, "wall"):
        gap, nearest = cKDTree(lumen[:, :3]).query(wall[:, :3])
        radius = np.where(gap < wall[:, 3], lumen[nearest, 3], 0)
        direction = np.gradient(wall[:, :3], axis=0)
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
        plaque = wall[:, 4] > 0
        edges = np.flatnonzero(np.diff(np.concatenate([[False], plaque, [False]]).astype(int)))
        for first, last in edges.reshape(-1, 2):
            worst = first + int(radius[first:last].argmin())
            ends = radius[[max(first - 4, 0), min(last + 3, len(wall) - 1)]]
            reference = float(ends.mean())
            if min(ends) < LEAST_RADIUS_MM or radius[worst] == 0:
                continue
            percent = 100 * (1 - radius[worst] / reference)
            if percent >= LEAST_PERCENT:
                bright = len(calcium) and np.linalg.norm(calcium - wall[worst, :3], axis=1).min() < 3
                kind = "lesion with calcium" if bright else "lesion without"
                at = wall[worst]
                found.append(
                    Place(patient.seed, kind, percent, 2 * reference, at[:3], direction[worst], at[3])
                )
        disease = np.concatenate([wall[plaque, :3], calcium])
        far = cKDTree(disease).query(wall[:, :3])[0] if len(disease) else np.full(len(wall), np.inf)
        for k in np.flatnonzero((far > FAR_MM) & (radius > LEAST_RADIUS_MM) & (np.arange(len(wall)) > 20)):
            healthy.append(
                Place(patient.seed, "healthy", 0.0, 2 * radius[k], wall[k, :3], direction[k], wall[k, 3])
            )
    rng = np.random.default_rng([patient.seed, 1])
    if found and healthy:
        found += [healthy[k] for k in rng.choice(len(healthy), len(found))]
    return found


def plans_of(seed: int, shape: tuple[int, int, int] = SHAPE) -> list[tuple[Place, CropPlan, np.ndarray]]:
    """Places of a patient, a plan of a crop around each, and the slab in it (X, Y, Z)."""
    patient = draw_patient(seed)
    rng, made = np.random.default_rng([seed, 2]), []
    for place in places(patient):
        plan = draw_plan(
            rng, patient, shape, spacing_mm=(SPACING_MM, SPACING_MM), random_share=0.0, centre=place.point
        )
        size = plan.spacing * (np.array(shape) - 1)
        inside = (place.point - size / 2 > patient.low) & (place.point + size / 2 < patient.high)
        if not inside.all() or plan.scan.moves.any():
            continue
        axes = [plan.spacing[k] * np.arange(shape[k]) - size[k] / 2 for k in range(3)]
        offset = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
        along = offset @ place.direction
        across = np.linalg.norm(offset - along[..., None] * place.direction, axis=-1)
        made.append((place, plan, (np.abs(along) <= HALF_SLAB_MM) & (across <= 1.45 * place.outer + 0.5)))
    return made


def diameter(volume: float) -> float:
    """Of a round lumen (mm) with this volume (mm^3) in the slab."""
    return float(2 * np.sqrt(volume / (2 * HALF_SLAB_MM) / np.pi))


def measure(weights: list[Path], patients: int, shape: tuple[int, int, int] = SHAPE) -> list[dict[str, Any]]:
    """A row for every place and every file of weights; crops of `shape` voxels."""
    import torch
    from monai.bundle import ConfigParser

    from bundle.networks import load_weights
    from bundle.phantom.crops import stack_plans

    get = ConfigParser(ConfigParser.load_config_files([config_path(name) for name in CONFIGS]))
    get = get.get_parsed_content
    device, prepare = torch.device(get("device")), get("train#prepare_batch")
    networks = {sha256_of([path])[:12]: load_weights(deepcopy(get("network_def")), path) for path in weights}
    for network in networks.values():
        network.to(device).eval()
    rows = []
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for made in pool.map(partial(plans_of, shape=shape), range(FIRST_SEED, FIRST_SEED + patients)):
            for place, plan, slab in made:
                image, target = prepare(stack_plans([plan]), device)
                voxel, inside = float(np.prod(plan.spacing)), torch.from_numpy(slab).to(device)
                about = {name: getattr(place, name) for name in COLUMNS[:4]}
                about["true_mm"] = diameter(float(target[0, 0][inside].sum()) * voxel)
                for name, network in networks.items():
                    with torch.inference_mode(), torch.autocast(device.type, enabled=device.type == "cuda"):
                        drawn = network(image)[0, 0] > 0
                    volume = float((drawn & inside).sum()) * voxel
                    rows.append(about | {"weights": name, "drawn_mm": diameter(volume)})
    return rows


def main(
    weights: Annotated[list[Path] | None, typer.Option(help="of the native network; several times")] = None,
    patients: Annotated[int, typer.Option(help="of whom about a third have such a lesion")] = 150,
    out: Out = RESULTS,
) -> None:
    weights = weights or [ROOT / "models" / "native_checkpoint.pt"]
    rows = measure(weights, patients)
    about = f"{patients} patients from seed {FIRST_SEED}."
    write_results(out, "narrowings", f"{about}\n\n{figures(rows)}", rows, COLUMNS)


def figures(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of what is measured at each kind of place by each network."""
    means = []
    for kind in ("healthy", "lesion without", "lesion with calcium"):
        for name in dict.fromkeys(row["weights"] for row in rows):
            of = [row for row in rows if (row["kind"], row["weights"]) == (kind, name)]
            if not of:
                continue
            true, drawn = (np.array([float(row[key]) for row in of]) for key in ("true_mm", "drawn_mm"))
            low, middle, high = np.quantile(drawn - true, (0.1, 0.5, 0.9))
            means.append(
                {"kind": kind, "weights": name, "count": len(of), "true_mm": true.mean(), "error_mm": middle,
                 "low_mm": low, "high_mm": high, "off_mm": np.abs(drawn - true).mean(),
                 "lost": int((drawn == 0).sum())}
            )  # fmt: skip
    return table(means, HEADS, **dict.fromkeys(("true_mm", "error_mm", "low_mm", "high_mm", "off_mm"), ".2f"))
