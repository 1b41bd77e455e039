"""The network of native resolution beside the default one.

    python scripts/study.py native
    python scripts/study.py native --native runs/native/weights.pt     # as scripts/train_native.py leaves it
    python scripts/study.py native --set inferer#overlap=0.25          # of the windows
    python scripts/study.py native --predict runs/said                 # on a GPU: probabilities alone
    python scripts/study.py native --from runs/said                    # on any machine: the figures
    python scripts/study.py native --from runs/said --rules            # rules for the parts of a mask
    python scripts/study.py native --from runs/said --labels labels    # labels/<set>/N.label.nii.gz and truth

On sets of scans that no network was trained on. Each network runs as configs/inference.yaml has it, the
native one with configs/modes/native.yaml on top: as it is there, and at fixed thresholds with the rule of
inference.yaml for parts. What is measured is on the scan's own grid, centrelines against the phantom's true
one: precision, recall and F1 of lengths within 1.5 mm, what is seen of the true one by its radius, and the
length that is false by what lies beside it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import cc3d
import nibabel as nib
import numpy as np
import torch
import typer
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, ScaleIntensityRanged
from shared import ROOT, Processes, Set, config_path, settings, workflow
from tqdm import tqdm

from bundle.common.errors import InputError
from bundle.common.files import sha256_of
from bundle.geometry.centerline import TreeRule
from bundle.metrics import TISSUES, TREE_METRICS, case_metrics, line_of_branches
from bundle.networks import read_checkpoint
from bundle.transforms import (
    AdaptiveThresholdd,
    BinaryOpeningd,
    CompareEnhancementd,
    KeepComponentsd,
    KeepTreesd,
    LoadCTAd,
)

from .common import RESULTS, Out, table, weights_line, write_results
from .predictions import Prediction, predict, read_prediction, to_ras, weights_of, write_prediction
from .sets import FIRST_SEEDS, study_set

CONFIGS = {"default": ("inference.yaml",), "native": ("inference.yaml", "modes/native.yaml")}
SETS = ("held-out", "shifted", "foreign")
T = TypeVar("T")
THRESHOLDS, VOLUMES_MM3 = (0.3, 0.4, 0.5), (30, 60, 100)
MASK = ("dice", "hd95_mm", "assd_mm", "betti0_error", "betti1_error", "parts")
FALSE = tuple(f"false_{name}_mm" for name in TISSUES)
COLUMNS = ("set", "case", "method", "seconds", "parts_before", "cldice", *TREE_METRICS, *MASK, *FALSE)
HEADS = {"set": "set", "method": "", "dice": "Dice", "cldice": "clDice", "tree_f1": "F1 at 1.5 mm",
         "tree_precision": "precision", "tree_recall": "recall", "rooted_f1": "rooted F1",
         "seen_thin": "seen r < 0.8", "seen_middle": "0.8 to 1.5", "seen_wide": "> 1.5 mm",
         "hd95_mm": "HD95, mm", "betti0_error": "Betti-0 error", "betti1_error": "Betti-1 error",
         "parts_before": "parts before", "parts": "parts after", "seconds": "s a scan"}  # fmt: skip
BESIDE = {"set": "set", "method": "false centreline, mm a scan:", "false_mm": "all",
          **{column: name for column, name in zip(FALSE, TISSUES)}}  # fmt: skip


@dataclass
class Steps:
    """What makes masks of probabilities: keys of the configs, the same in every process."""

    threshold: tuple[float, float, float]
    inverse: dict[str, str]
    smallest_mm3: float
    native_threshold: float
    trees: TreeRule
    enhancement: CompareEnhancementd
    hu_range: tuple[float, float]
    compares_rules: bool = False


def network_keys(weights: Path) -> dict[str, Any]:
    """Keys of the config for a network of as many channels and logits as the weights have."""
    state = read_checkpoint(weights)
    state = state.get("model", state)
    first = re.compile(r"(encoders\.\d+|bottleneck)\.conv1\.weight")
    channels = [len(value) for name, value in state.items() if first.fullmatch(name)]
    head = len(state.get("head.weight", " "))  # of another network: the workflow says what is wrong with it
    return {"ckpt_path": weights, "channels": channels, "out_channels": head}


def scans_of(name: str, count: int, data: Path, processes: int | None) -> list[dict[str, str]]:
    """The first scans of a set; what is missing is made, held-out scans in `data`, others beside it."""
    return study_set(name, count, data if name == SETS[0] else data.parent / name, processes)


def labels_of(name: str, folder: Path) -> list[dict[str, str]]:
    """The labels in ``folder/<set>``, as ``{"case", "label"}`` with the case's name of `scans_of`."""
    found = []
    for label in sorted((folder / name).rglob("*.label.nii.gz")):
        case = label.name.partition(".")[0]
        if name != SETS[0]:
            case = json.loads(beside(label, "truth.json").read_text())["parameters"]["seed"]
        found.append({"case": str(case), "label": str(label)})
    return found


def beside(label: str | Path, ending: str) -> Path:
    """Another file of the scan, such as its ``truth.json``."""
    return Path(str(label).replace(".label.nii.gz", f".{ending}"))


def measure(
    mask: MetaTensor, label: MetaTensor, tree: Mapping, tissue: np.ndarray | None = None
) -> dict[str, Any]:
    """The figures of one mask.

    Args:
        mask, label: (1, X, Y, Z) on one grid.
        tree: the phantom's, as its truth file has it.
        tissue: of `bundle.metrics.case_metrics`, axes turned to RAS as the mask's will be.
    """
    # Axes as the phantoms are drawn in: where a skeleton runs depends a little on their order.
    mask, label = to_ras(mask), to_ras(label)
    found, truth = (volume[0].numpy() > 0 for volume in (mask, label))
    figures = case_metrics(found, truth, mask.affine.numpy(), line_of_branches(tree["branches"]), tissue)
    return {"parts_before": mask.meta.get("components_before"), **figures}


def two_largest(data: dict[str, MetaTensor]) -> dict[str, MetaTensor]:
    """The rule that keeps two components."""
    mask = data["pred"]
    kept = cc3d.largest_k(mask[0].numpy() > 0, k=2, connectivity=26) > 0
    return {"pred": MetaTensor(torch.as_tensor(kept[None]).to(mask.dtype)).copy_meta_from(mask)}


def rules_for(steps: Steps) -> dict[str, Callable]:
    """Rules for the parts of a mask, by name."""
    keep = partial(KeepComponentsd, "pred")
    rules = {
        "none": keep(0),
        "opening, 0.5 mm": Compose([BinaryOpeningd("pred", 0.5), keep(0)]),
        "largest": keep(0, largest_only=True),
        "two largest": two_largest,
        **{f"{volume} mm³": keep(volume) for volume in VOLUMES_MM3},
    }
    return rules | {"trees": KeepTreesd("pred", steps.trees)}


def maps_on_scan(said: Prediction, label: MetaTensor, mode: str) -> dict[str, MetaTensor]:
    """The lumen's probability as "prob" and the network's other outputs, on the label's grid."""
    shape = tuple(label.shape[1:])
    maps = {
        output: MetaTensor(said.on_scan(output, shape, mode)).copy_meta_from(label) for output in said.values
    }
    return {"prob": maps.pop("lumen"), **maps}


def thresholded(maps: dict[str, MetaTensor], *bounds: float) -> dict[str, MetaTensor]:
    """The maps with the mask "pred" of `AdaptiveThresholdd`."""
    return maps | {"pred": AdaptiveThresholdd("pred", *bounds)({"pred": maps["prob"]})["pred"]}


def image_of(label: str, steps: Steps) -> dict[str, MetaTensor]:
    """The scan beside a label as "image", as the networks see it; nothing where it is not there."""
    path = beside(label, "img.nii.gz")
    if not path.is_file():
        return {}
    scale = ScaleIntensityRanged("image", *steps.hu_range, 0.0, 1.0, clip=True)
    return {"image": to_ras(scale(LoadCTAd(["image"])({"image": str(path)}))["image"])}


def native_maps(said: Prediction, label: MetaTensor, file: str, steps: Steps) -> dict[str, MetaTensor]:
    """`maps_on_scan` and `image_of` as modes/native.yaml goes on with them.

    Args:
        label, file: the label, axes in RAS, and its file.
    """
    maps = maps_on_scan(said, label, steps.inverse["native"]) | image_of(file, steps)
    maps = steps.enhancement({"pred": maps.pop("prob"), **maps})
    return {"prob": maps.pop("pred"), **maps}


def trees_of(maps: dict[str, MetaTensor], steps: Steps) -> MetaTensor:
    """The mask of modes/native.yaml on the grid of `native_maps`."""
    level = steps.native_threshold
    data = thresholded(maps, level, level, steps.threshold[2])
    return KeepTreesd("pred", steps.trees)(data)["pred"]


def masks_of(
    name: str, said: Prediction, label: MetaTensor, file: str, steps: Steps
) -> Iterator[tuple[str, MetaTensor]]:
    """Masks on the label's grid, its axes in RAS, by method."""
    keep, confident = KeepComponentsd("pred", steps.smallest_mm3), steps.threshold[2]
    if name == "default":
        maps = maps_on_scan(said, label, steps.inverse[name])
        yield name, keep(thresholded(maps, *steps.threshold))["pred"]
        return
    maps = native_maps(said, label, file, steps)
    if not steps.compares_rules:
        for level in THRESHOLDS:
            mask = keep(thresholded(maps, level, level, confident))["pred"]
            yield f"{name}, {level}, {steps.smallest_mm3:g} mm³", mask
    data = thresholded(maps, steps.native_threshold, steps.native_threshold, confident)
    parts = KeepComponentsd("pred", 0)({"pred": data["pred"]})["pred"].meta["components"]
    for rule, apply in rules_for(steps).items():
        if steps.compares_rules or rule == "trees":
            kept = apply(data)["pred"]
            kept.meta["components_before"] = parts  # of the network, not of what the last step was given
            yield rule if steps.compares_rules else f"{name}, {steps.native_threshold:g}, {rule}", kept


def measure_scan(job: tuple[str, dict[str, str], dict[str, Path], Steps]) -> list[dict[str, Any]]:
    """The rows of one scan, from what the networks said of it."""
    torch.set_num_threads(1)
    which, item, files, steps = job
    truth = json.loads(beside(item["label"], "truth.json").read_text())
    label = to_ras(LoadCTAd(["label"])({"label": item["label"]})["label"])
    tissue, path = None, beside(item["label"], "tissue.nii.gz")
    if path.is_file():
        tissue = np.asarray(nib.as_closest_canonical(nib.load(path)).dataobj).astype(np.uint8)
    rows = []
    for name, file in files.items():
        said = read_prediction(file)
        about = {
            "set": which,
            "case": truth.get("parameters", {}).get("seed", item["case"]),
            "seconds": round(said.seconds, 2),
        }
        for method, mask in masks_of(name, said, label, item["label"], steps):
            rows.append(about | {"method": method} | measure(mask, label, truth, tissue))
    return rows


def in_processes(work: Callable[[Any], T], jobs: Sequence[Any], processes: int | None) -> Iterable[T]:
    """`work` of every job, in their order, in fresh processes where there are several."""
    processes = min(processes or os.cpu_count() or 1, max(len(jobs), 1))
    if processes == 1:
        yield from map(work, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(work, jobs)


def means_of(rows: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> list[dict[str, Any]]:
    """A row a set and method: means over the cases where a figure is defined, of the seconds the median."""
    means = []
    for which, method in dict.fromkeys((row["set"], row["method"]) for row in rows):
        of = [row for row in rows if (row["set"], row["method"]) == (which, method)]
        mean: dict[str, Any] = {"set": which, "method": method}
        for name in columns:
            cells = [row.get(name) for row in of]
            values = np.array([np.nan if cell in (None, "") else float(cell) for cell in cells])
            if np.isfinite(values).any():
                mean[name] = float((np.nanmedian if name == "seconds" else np.nanmean)(values))
        for width in ("thin", "middle", "wide"):
            if f"missed_{width}" in mean:
                mean[f"seen_{width}"] = 1 - mean[f"missed_{width}"]
        means.append(mean)
    return means


def figures(rows: Sequence[Mapping[str, Any]], weights: Sequence[str]) -> str:
    """Weights, scans, and the tables."""
    means = means_of(rows, COLUMNS[3:])
    counts = {which: len({row["case"] for row in rows if row["set"] == which}) for which in FIRST_SEEDS}
    scans = ", ".join(f"{count} {which}" for which, count in counts.items() if count)
    small = dict.fromkeys(
        ("hd95_mm", "betti0_error", "betti1_error", "parts", "parts_before", "seconds"), ".1f"
    )
    forms = dict.fromkeys(HEADS, ".3f") | {"set": "", "method": ""} | small
    parts = [
        f"Weights {' and '.join(weights)}; scans at the scanner's matrix: {scans}.",
        table(means, HEADS, **forms),
    ]
    known = [mean for mean in means if FALSE[0] in mean]
    if known:
        forms = dict.fromkeys(BESIDE, ".1f") | {"set": "", "method": ""}
        parts.append(table(known, BESIDE, **forms))
    return "\n\n".join(parts)


def ask(
    folder: Path,
    scans: Mapping[str, list[dict[str, str]]],
    weights: Mapping[str, Path],
    override: Sequence[str],
) -> None:
    """Write what each network says of each scan to ``folder/<set>/<case>.<network>.npz``.

    What is there by the same weights is kept.
    """
    own = settings(override, *CONFIGS["native"])
    mode = ConfigParser.load_config_file(config_path("modes/native.yaml"))
    keys = {
        "default": {key: value for key, value in own.items() if key.split("#")[0] not in mode},
        "native": own,
    }
    for name, path in weights.items():
        run = workflow(*CONFIGS[name], **network_keys(path) | keys[name])
        digest = sha256_of([path])
        jobs = [(which, item) for which, items in scans.items() for item in items]
        for which, item in tqdm(jobs, desc=name):
            path = said_in(folder, which, item["case"], name)
            if not path.is_file() or weights_of(path) != digest:
                write_prediction(predict(item["image"], run, digest), path)


def said_in(folder: Path, which: str, case: str, name: str) -> Path:
    """The file of a network's prediction."""
    return folder / which / f"{case}.{name}.npz"


def steps_of(override: Sequence[str] | None, compares_rules: bool) -> Steps:
    """From the configs, with what was set in place of their own."""
    parsers = {}
    for name, configs in CONFIGS.items():
        parsers[name] = parser = ConfigParser()
        parser.read_config([config_path(config) for config in configs])
        if name == "native":
            parser.update(settings(override, *configs))
    default, native = (parsers[name].get for name in CONFIGS)
    return Steps(
        tuple(default(f"threshold_{key}") for key in ("upper", "lower", "confident")),
        {name: parser.get("inverse_mode") for name, parser in parsers.items()},
        native("min_component_mm3"),
        native("threshold_upper"),
        parsers["native"].get_parsed_content("keep_parts#rule"),
        parsers["native"].get_parsed_content("compare_enhancement"),
        tuple(default("hu_range")),
        compares_rules,
    )


def main(
    count: int = 10,
    data: Annotated[Path, typer.Option(help="held-out phantoms; the other sets lie beside")] = ROOT
    / "data"
    / "test_full",
    sets: Annotated[list[str] | None, typer.Option("--of", help="a set; several times")] = None,
    default: Annotated[Path, typer.Option(help="weights of the default network")] = ROOT / "models/model.pt",
    native: Annotated[Path, typer.Option(help="of the native one")] = ROOT / "models/native_checkpoint.pt",
    to: Annotated[
        Path | None, typer.Option("--predict", help="write probabilities there, and no page")
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="measure what --predict wrote there")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="with --from: folders of labels, in place of scans")
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="compare rules for parts")] = False,
    out: Out = RESULTS,
    processes: Processes = None,
    override: Set = None,
) -> None:
    """Make the scans that are missing, predict, measure, and write the page.

    What is set of a key that modes/native.yaml has is for the native network alone.
    """
    weights = {"native": native} if rules else {"default": default, "native": native}
    steps = steps_of(override, rules)
    scans = {
        which: labels_of(which, labels) if labels and source else scans_of(which, count, data, processes)
        for which in sets or SETS[:1]
    }
    if to is not None:
        ask(to, scans, weights, override or ())
        print(f"probabilities: {to}")
        return
    with tempfile.TemporaryDirectory() as folder:
        if source is None:
            ask(Path(folder), scans, weights, override or ())
        rows = measured(source or Path(folder), scans, weights, steps, processes)
    text = figures(rows, [weights_line(path) for path in weights.values()])
    write_results(out, "native rules" if rules else "native", text, rows, COLUMNS)


def measured(
    folder: Path,
    scans: Mapping[str, list[dict[str, str]]],
    weights: Mapping[str, Path],
    steps: Steps,
    processes: int | None,
) -> list[dict[str, Any]]:
    """The rows of all scans of which the folder has predictions, sets in the order of `FIRST_SEEDS`.

    Raises:
        InputError: it has none.
    """
    jobs = []
    for which, items in scans.items():
        for item in items:
            files = {name: said_in(folder, which, item["case"], name) for name in weights}
            files = {name: path for name, path in files.items() if path.is_file()}
            if files:
                jobs.append((which, item, files, steps))
    if not jobs:
        raise InputError(f"{folder} has no predictions of these scans: make them with --predict {folder}.")
    of_scans = tqdm(in_processes(measure_scan, jobs, processes), desc="scans", total=len(jobs))
    rows = [row for of in of_scans for row in of]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    return sorted(
        rows, key=lambda row: (list(FIRST_SEEDS).index(row["set"]), methods.index(row["method"]), row["case"])
    )
