"""How far the native network's answers can be believed.

    python scripts/study.py native --predict runs/said --of held-out --of shifted --of foreign --count 20
    python scripts/study.py calibration --from runs/said --of held-out --of shifted --of foreign --count 20
    python scripts/study.py calibration --from runs/looks --looks ...   # predicted in three looks, on a GPU

Voxels: of those with a probability of 0.7, how many are lumen in the label; the expected calibration error,
before and after a temperature. Branches: of those that are 80 % sure, how many run along a true one for at
least half of their length. Temperature and the certainty's four numbers are fitted to the scans of odd number
of all sets, and judged on those of even number; what goes into configs/modes/native.yaml is fitted to all.
What the config has is judged on all of these scans too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import numpy as np
import torch
import typer
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from scipy import optimize
from scipy.spatial import cKDTree
from scipy.special import expit, logit
from shared import ROOT, Processes, Set, config_path
from tqdm import tqdm

from bundle.common.errors import InputError
from bundle.geometry.centerline import vessel_tree, without_aorta
from bundle.geometry.core import find_vessels
from bundle.geometry.measure import BranchCertainty, evidence_of
from bundle.geometry.naming import name_branches
from bundle.geometry.surface import smooth_surface, vessel_surface
from bundle.metrics import line_of_branches
from bundle.transforms import LoadCTAd

from .common import RESULTS, Out, table, weights_line, write_results
from .native import (
    SETS,
    Steps,
    beside,
    in_processes,
    native_maps,
    said_in,
    scans_of,
    steps_of,
    trees_of,
)
from .predictions import read_prediction, to_ras

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BINS = 50
LEAST = 0.02  # probability under which a voxel is left out: most of a scan is surely nothing
NEAR_MM, SHARE = 1.5, 0.5  # of a branch that is real: so much of it lies so near a true centreline
STEPS = (0.0, 0.5, 0.8, 0.9, 0.95, 1.0001)  # of the certainty
PLAIN = 1e-4  # weight that keeps the certainty's numbers small
EVIDENCE = ("length_mm", "lumen_probability", "vein_probability")
COLUMNS = ("set", "case", "name", *EVIDENCE, "true_share", "certainty")


@dataclass
class Scan:
    """What one scan tells.

    bins: (3, BINS) number of voxels by probability, sum of their probabilities, how many are lumen.
    branches: rows of `COLUMNS`, without the certainty.
    """

    which: str
    number: int
    bins: np.ndarray
    branches: list[dict[str, Any]]


def read_scan(job: tuple[str, int, dict[str, str], Path, Steps]) -> Scan:
    """Voxels and branches of one scan, from what the network said of it."""
    torch.set_num_threads(1)
    which, number, item, path, steps = job
    truth = json.loads(beside(item["label"], "truth.json").read_text())
    label = to_ras(LoadCTAd(["label"])({"label": item["label"]})["label"])
    said = read_prediction(path)
    maps, level = native_maps(said, label, item["label"], steps), steps.native_threshold
    mask = trees_of(maps, steps)
    probability = maps["prob"][0].numpy()
    vein = maps["vein"][0].numpy() if "vein" in maps else None
    case = truth.get("parameters", {}).get("seed", item["case"])
    branches = branches_of(mask, probability, vein, level, truth)
    rows = [{"set": which, "case": case} | row for row in branches]
    return Scan(which, number, bins_of(probability, label[0].numpy() > 0), rows)


def bins_of(probability: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(3, BINS): number, sum of probabilities and number in the label of the voxels from `LEAST` on."""
    seen = probability >= LEAST
    values = probability[seen].astype(float)
    at = np.minimum((values * BINS).astype(int), BINS - 1)
    weights = (None, values, label[seen].astype(float))
    return np.stack([np.bincount(at, weight, BINS) for weight in weights])


def branches_of(
    mask: MetaTensor, probability: np.ndarray, vein: np.ndarray | None, level: float, truth: dict
) -> list[dict[str, Any]]:
    """A row a branch of the tree that the geometry makes of a mask."""
    affine = np.asarray(mask.affine)
    vessels = find_vessels(mask[0].numpy() > 0, affine, probability, level)
    line = line_of_branches(truth["branches"])
    if vessels is None or not len(line):
        return []
    wall, _ = smooth_surface(vessel_surface(vessels))
    tree = name_branches(vessel_tree(without_aorta(vessels), wall))
    true = cKDTree(line.points)
    rows = []
    for branch, row in zip(
        tree.branches, evidence_of(tree.branches, affine, {"lumen": probability, "vein": vein})
    ):
        near = float((true.query(branch.points)[0] <= NEAR_MM).mean())
        rows.append(row | {"name": branch.name, "length_mm": round(branch.length_mm, 2), "true_share": near})
    return rows


def sharpened(bins: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each bin that has voxels: their number, mean probability at a temperature, and share of lumen."""
    count, total, lumen = bins[:, bins[0] > 0]
    mean = np.clip(total / count, 1e-4, 1 - 1e-4)
    return count, expit(logit(mean) / temperature), lumen / count


def calibration_error(bins: np.ndarray, temperature: float = 1.0) -> float:
    """Expected calibration error: mean of the distance between both, over the voxels."""
    count, said, true = sharpened(bins, temperature)
    return float((np.abs(said - true) * count).sum() / count.sum())


def fit_temperature(bins: np.ndarray) -> float:
    """The temperature of the least cross-entropy (Guo et al., ICML 2017)."""

    def loss(log_temperature: float) -> float:
        count, said, true = sharpened(bins, np.exp(log_temperature))
        said = np.clip(said, 1e-6, 1 - 1e-6)
        return -(count * (true * np.log(said) + (1 - true) * np.log(1 - said))).sum() / count.sum()

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def features_of(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """(N, 4) for `BranchCertainty`."""
    return np.array([BranchCertainty.features(*(row[key] for key in EVIDENCE)) for row in rows])


def is_real(row: dict[str, Any]) -> bool:
    """Whether a branch runs along a true one."""
    return row["true_share"] >= SHARE


def fit_certainty(rows: Sequence[dict[str, Any]]) -> BranchCertainty:
    """Logistic regression with a slight pull towards 0, every set counting as much as any other."""
    features, real = features_of(rows), np.array([is_real(row) for row in rows], float)
    sets = np.array([row["set"] for row in rows])
    weight = np.array([1 / (sets == name).sum() for name in sets]) / len(set(sets))

    def loss(numbers: np.ndarray) -> float:
        odds = features @ numbers
        return float(weight @ (np.logaddexp(0, odds) - real * odds) + PLAIN * (numbers[1:] ** 2).sum())

    found = optimize.minimize(loss, np.zeros(4), method="BFGS").x
    return BranchCertainty(*(round(float(number), 3) for number in found))


def with_certainty(rows: Sequence[dict[str, Any]], sure: BranchCertainty) -> list[dict[str, Any]]:
    """The rows with `certainty`."""
    return [row | {"certainty": round(sure(*(row[key] for key in EVIDENCE)), 3)} for row in rows]


def certainty_of_config() -> BranchCertainty:
    """As configs/modes/native.yaml has it."""
    mode = ConfigParser.load_config_file(config_path("modes/native.yaml"))
    return BranchCertainty(**mode["geometry#certainty"])


def area_under_curve(rows: Sequence[dict[str, Any]]) -> float:
    """Of a real branch and one that is not, how often the real one is the surer."""
    values = np.array([row["certainty"] for row in rows])
    real = np.array([is_real(row) for row in rows])
    if real.all() or not real.any():
        return float("nan")
    pairs = values[real][:, None] - values[~real][None]
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def told(rows: Sequence[dict[str, Any]]) -> str:
    """How well the certainty tells real branches from others, and how far it is from 0 and 1."""
    brier = np.mean([(row["certainty"] - is_real(row)) ** 2 for row in rows])
    return f"Area under the curve {area_under_curve(rows):.2f}, Brier score {brier:.3f}."


def steps_table(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Branches by their certainty: how sure, how many, how many real."""
    out = []
    for low, high in pairwise(STEPS):
        own = [row for row in rows if low <= row["certainty"] < high]
        if own:
            said, real = (np.mean([f(row) for row in own]) for f in (lambda r: r["certainty"], is_real))
            length = sum(row["length_mm"] for row in own)
            name = f"{low:g} to {min(high, 1):g}"
            out.append({"step": name, "count": len(own), "mm": length, "said": said, "real": real})
    return out


def voxels_table(scans: Sequence[Scan], temperature: float) -> list[dict[str, Any]]:
    """Calibration error by set, with and without the temperature."""
    rows = []
    for which in SETS:
        own = [scan.bins for scan in scans if scan.which == which]
        if own:
            bins = np.sum(own, axis=0)
            before, after = (calibration_error(bins, t) for t in (1.0, temperature))
            rows.append({"set": which, "own": fit_temperature(bins), "before": before, "after": after})
    return rows


def draw(scans: Sequence[Scan], temperature: float, steps: Sequence[dict[str, Any]], path: Path) -> None:
    """Reliability of voxels by set, and of branches."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    for axes in (left, right):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    for color, which in zip(("#1b6ca8", "#2a9d5c", "#c8553d"), SETS):
        own = [scan.bins for scan in scans if scan.which == which]
        if own:
            for value, style in ((1.0, "-"), (temperature, "--")):
                _, said, true = sharpened(np.sum(own, axis=0), value)
                name = which if value == 1.0 else f"{which}, temperature {temperature:.2f}"
                left.plot(said, true, style, color=color, linewidth=1.4, label=name)
    left.set(xlabel="probability of lumen", ylabel="share of voxels in the label", title="Voxels")
    left.legend(fontsize=7, frameon=False)
    said, real, count = ([row[key] for row in steps] for key in ("said", "real", "count"))
    right.plot(said, real, "o-", color="#1b6ca8")
    for x, y, n in zip(said, real, count):
        right.annotate(f"{n}", (x, y), (4, -11), textcoords="offset points", fontsize=8)
    right.set(xlabel="certainty", ylabel="share of branches that are real", title="Branches")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def figures(
    scans: Sequence[Scan], weights: str, picture: str
) -> tuple[str, list[dict[str, Any]], float, list[dict[str, Any]]]:
    """The page's text, the rows of all branches, the temperature, and the branches' steps."""
    odd, even = ([scan for scan in scans if scan.number % 2 == rest] for rest in (1, 0))
    if not odd or not even:
        raise InputError("Calibration is fitted to some scans and judged on others: it needs two at least.")
    of = lambda some: [row for scan in some for row in scan.branches]  # noqa: E731
    half = fit_temperature(np.sum([scan.bins for scan in odd], axis=0))
    judged = with_certainty(of(even), fit_certainty(of(odd)))
    steps = steps_table(judged)
    temperature = fit_temperature(np.sum([scan.bins for scan in scans], axis=0))
    sure = fit_certainty(of(scans))
    counts = ", ".join(f"{sum(scan.which == name for scan in scans)} {name}" for name in SETS)
    shipped = with_certainty(of(scans), certainty_of_config())
    voxel_heads = {
        "set": "set",
        "before": "as it is",
        "after": f"at {half:.2f}",
        "own": "the set's own temperature",
    }
    step_heads = {
        "step": "certainty",
        "count": "branches",
        "mm": "mm",
        "said": "mean certainty",
        "real": "real",
    }
    parts = [
        f"Weights {weights}; scans: {counts}.",
        f"Expected calibration error of the voxels with a probability of {LEAST} or more, on scans of even "
        f"number; the temperature of those of odd number is {half:.2f}, of all {temperature:.2f}:",
        table(voxels_table(even, half), voxel_heads, before=".3f", after=".3f", own=".2f"),
        "Branches of the scans of even number, by the certainty that was fitted to those of odd number:",
        table(steps, step_heads, mm=".0f", said=".2f", real=".2f"),
        f"{told(judged)} Fitted to all scans: "
        + ", ".join(f"`{name}: {value:g}`" for name, value in asdict(sure).items())
        + ".",
        "Branches of all scans, by the certainty of the config:",
        table(steps_table(shipped), step_heads, mm=".0f", said=".2f", real=".2f"),
        told(shipped),
        f"![Reliability of voxels and branches]({picture})",
    ]
    return "\n\n".join(parts), with_certainty(of(scans), sure), half, steps


def main(
    source: Annotated[Path, typer.Option("--from", help="what study.py native --predict wrote")],
    count: int = 10,
    data: Annotated[Path, typer.Option(help="held-out phantoms; the other sets lie beside")] = ROOT
    / "data"
    / "test_full",
    sets: Annotated[list[str] | None, typer.Option("--of", help="a set; several times")] = None,
    native: Annotated[Path, typer.Option(help="the weights")] = ROOT / "models/native_checkpoint.pt",
    looks: Annotated[
        bool, typer.Option("--looks", help="of three looks: a part of the page of its own")
    ] = False,
    out: Out = RESULTS,
    processes: Processes = None,
    override: Set = None,
) -> None:
    """Read the predictions, fit, judge, and write the page and its picture."""
    steps = steps_of(override, False)
    jobs = []
    for which in sets or SETS:
        for number, item in enumerate(scans_of(which, count, data, processes), 1):
            path = said_in(source, which, item["case"], "native")
            if path.is_file():
                jobs.append((which, number, item, path, steps))
    if not jobs:
        raise InputError(
            f"{source} has no predictions of these scans: make them with study.py native --predict."
        )
    scans = list(tqdm(in_processes(read_scan, jobs, processes), desc="scans", total=len(jobs)))
    part = "calibration looks" if looks else "calibration"
    picture = f"{part.replace(' ', '_')}.png"
    text, rows, temperature, branch_steps = figures(scans, weights_line(native), picture)
    out.mkdir(parents=True, exist_ok=True)
    draw(scans, temperature, branch_steps, out / picture)
    write_results(out, part, text, rows, COLUMNS)
