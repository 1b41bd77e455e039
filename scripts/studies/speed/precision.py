"""What bfloat16 does to masks of the default network.

    python scripts/study.py speed precision --data DATA --count 8
    python scripts/study.py speed precision --data data/held_out --data data/foreign

DATA holds labelled scans in any layout that docs/README.md lists. The steps are those of
configs/inference.yaml, with the network in float32 and in bfloat16, in PyTorch and in OpenVINO where that is
installed; every figure is on the scan's own grid. A processor without units for bfloat16 imitates it, and
takes many times as long.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from monai.data import MetaTensor
from shared import Set, settings, workflow
from torch import nn

from bundle.data import find_cases, part_of
from bundle.inferers import MemorySafeInferer
from bundle.metrics import centerline_dice, dice
from bundle.networks import ENGINES, load_weights, on_runtime

from ..common import RESULTS, Out, table, write_results

COLUMNS = {"set": "set", "way": "network by", "scans": "scans", "dice": "Dice", "cldice": "clDice",
           "same": "Dice with the first row's mask"}  # fmt: skip


def ways() -> Iterator[tuple[str, bool]]:
    """Runtimes, and whether in bfloat16."""
    for runtime in ("torch", *(["openvino"] if not ENGINES["openvino"].missing() else [])):
        yield runtime, False
        yield runtime, True


def name_of(runtime: str, half: bool) -> str:
    title = ENGINES[runtime].title if runtime in ENGINES else "PyTorch"
    return f"{title}, {'bfloat16' if half else 'float32'}"


def mask_of(item: dict[str, Any], network: nn.Module, half: bool, steps: list) -> np.ndarray:
    """The mask (X, Y, Z), bool, on the scan's grid."""
    image = item["image"]
    with torch.inference_mode():
        logit = MemorySafeInferer(half)(image.as_tensor()[None], network)[0]
    found = item | {"pred": MetaTensor(logit).copy_meta_from(image)}
    found["pred"].applied_operations = list(image.applied_operations)
    for step in steps:
        found = step(found)
    return np.asarray(found["pred"][0]) > 0


def main(
    data: Annotated[list[Path], typer.Option(help="folder of labelled scans; several times")],
    count: Annotated[int, typer.Option(min=1, help="scans of each folder")] = 8,
    out: Out = RESULTS,
    override: Set = None,
) -> None:
    """Segment every scan each way."""
    keys = {"load_keys": ["image", "label"], "write_masks": False, "device": "cpu", "runtime": "torch"}
    keys |= settings(override, "inference.yaml")
    rows = []
    for folder in data:
        cases = part_of(find_cases(folder, val_fraction=0, test_fraction=0), "all")[:count]
        with tempfile.TemporaryDirectory() as empty:
            get = workflow(
                "inference.yaml", dataset_dir=cases[0]["image"], output_dir=Path(empty) / "eval", **keys
            ).parser.get_parsed_content
            load, steps = get("preprocessing"), get("postprocessing").transforms
            network = load_weights(get("network_def"), get("ckpt_path")).eval()
        networks = {way: on_runtime(network, way[0], "cpu", way[1]) for way in ways()}
        figures: dict[tuple[str, bool], list[tuple[float, ...]]] = {way: [] for way in networks}
        for case in cases:
            item = load({key: case[key] for key in ("image", "label", "case")})
            truth, first = np.asarray(item["label"][0]) > 0, None
            for way, own in networks.items():
                mask = mask_of(item, own, way[1], steps)
                first = mask if first is None else first
                figures[way].append((dice(mask, truth), centerline_dice(mask, truth), dice(mask, first)))
            print(case["case"], *(f"{figures[way][-1][0]:.4f}" for way in networks), flush=True)
        for way, found in figures.items():
            means = dict(zip(("dice", "cldice", "same"), np.mean(found, axis=0).tolist()))
            rows.append({"set": folder.name, "way": name_of(*way), "scans": len(cases)} | means)
    shown = dict.fromkeys(("dice", "cldice", "same"), ".4f")
    write_results(out, "speed precision", table(rows, COLUMNS, **shown), rows, tuple(COLUMNS))
