"""A whole scan in native mode beside nnU-Net v2.

    python scripts/study.py speed peer
    python scripts/study.py speed peer --middle 256 256 200 --repeats 1     # on a CPU: some minutes
    python scripts/study.py speed peer --image scan.nii.gz --set runtime=openvino

From the scan's file to the mask's: reading, resampling to 0.5 mm, windows of 160³ voxels, the way back to
the scan's grid, writing. nnU-Net is its own predictor with a network of the same widths and depth, random
weights, windows half a window apart, without mirroring, in float16 on a GPU and in float32 on a CPU, as it
chooses itself. Native mode writes its probability too, and no meshes. Each run has a process of its own, and
on a GPU one run to warm up; they take turns. Without nnU-Net (`pip install nnunetv2`) it has no row.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import nibabel as nib
import torch
import typer
from monai.bundle import ConfigParser
from shared import Set, config_path, settings, workflow

from bundle.common.device import check_device

from ..common import RESULTS, Out, peak_gib, table, write_results
from .nnunet import predictor
from .scan import DATA, Data, Image, middle_of, scan_or_phantom

CONFIGS = ("inference.yaml", "modes/native.yaml")
PEER, SAME, SHIPPED = "nnU-Net v2", "native mode, one look, all windows", "native mode"
WITHOUT_MESHES = {"handlers#0#_disabled_": True, "geometry#page": False}
COLUMNS = {"what": "", "ratio": "time, nnU-Net = 1", "cpu_ratio": "CPU time", "seconds": "s",
           "least": "least", "most": "most", "cpu_seconds": "CPU s, all threads", "windows": "windows",
           "peak_gib": "peak GiB", "gpu_gib": "peak GiB on the GPU"}  # fmt: skip


def peer_run(image: Path, folder: Path, device: str, keys: dict[str, Any]) -> tuple[Callable, Any]:
    """What nnU-Net does with a scan, and its network; of the config come windows, spacing and widths."""
    config = ConfigParser(ConfigParser.load_config_files([config_path(name) for name in CONFIGS]))
    config.update({"device": device, **keys})
    size, widths = config["inferer"]["roi_size"], config["channels"]
    spacing_mm, labels = keys["spacing_mm"], config["out_channels"]
    own = predictor(size, spacing_mm, widths, labels, torch.device(device))
    target = str(folder / "peer")
    return lambda: own.predict_from_files_sequential([[str(image)]], [target]), own.network


def native_run(image: Path, folder: Path, device: str, keys: dict[str, Any]) -> tuple[Callable, Any]:
    """What native mode does with a scan, and its network."""
    given = {"dataset_dir": image, "output_dir": folder / "eval", "device": device, "redo": True}
    run = workflow(*CONFIGS, **(given | WITHOUT_MESHES | keys))
    return run.run, run.parser.get_parsed_content("network")


def measured(what: str, image: Path, device: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Figures of one run, in this process."""
    is_gpu = torch.device(device).type == "cuda"
    make = peer_run if what == PEER else native_run
    for _ in range(2 if is_gpu else 1):
        with tempfile.TemporaryDirectory() as folder:
            run, network = make(image, Path(folder), device, keys)
            windows = []
            network.register_forward_pre_hook(lambda _, inputs, seen=windows: seen.append(len(inputs[0])))
            begin, cpu_begin = time.perf_counter(), time.process_time()
            run()
            figures = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu_begin}
            masks = [path for path in Path(folder).rglob("*.nii.gz") if "prob" not in path.name]
            if len(masks) != 1 or nib.load(masks[0]).shape != nib.load(image).shape:
                raise RuntimeError(f"{what} left no mask of the scan's size")
    if is_gpu:
        figures["gpu_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return figures | {"windows": sum(windows), "peak_gib": peak_gib()}


def summary(runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A row of medians of each."""
    rows = []
    for what, found in runs.items():
        row = {key: statistics.median(run[key] for run in found) for key in found[0]}
        seconds = [run["seconds"] for run in found]
        rows.append({"what": what, **row, "least": min(seconds), "most": max(seconds)})
    peers = [row for row in rows if row["what"] == PEER]
    for row in rows:
        for peer in peers:
            row["ratio"] = row["seconds"] / peer["seconds"]
            row["cpu_ratio"] = row["cpu_seconds"] / peer["cpu_seconds"]
    return rows


def cropped(image: Path, size: tuple[int, int, int], folder: Path) -> Path:
    """The middle of a scan as a scan of its own."""
    scan = nib.load(image)
    middle = scan.slicer[middle_of(scan.shape, size)]
    nib.save(middle, folder / "middle_0000.nii.gz")
    return folder / "middle_0000.nii.gz"


def main(
    image: Image = None,
    middle: Annotated[tuple[int, int, int] | None, typer.Option(help="voxels of the scan, for a CPU")] = None,
    device: Annotated[str | None, typer.Option(help="by default a GPU, where there is one")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="runs of each")] = 3,
    data: Data = DATA,
    out: Out = RESULTS,
    override: Set = None,
) -> None:
    """Time whole scans."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    check_device(device)
    keys = settings(override, *CONFIGS)
    keys = {"runtime": "torch"} | keys
    plan = {SAME: {"spacing_mm": 0.5, "inferer#everywhere": True}, SHIPPED: {}}
    has_peer = find_spec("nnunetv2") is not None
    if has_peer:
        plan = {PEER: {"spacing_mm": 0.5}, **plan}
    image = scan_or_phantom(image, data)
    with tempfile.TemporaryDirectory() as folder:
        image = cropped(image, middle, Path(folder)) if middle else image
        shape = "×".join(map(str, nib.load(image).shape))
        runs: dict[str, list[dict[str, Any]]] = {what: [] for what in plan}
        for _ in range(repeats):
            for what, own in plan.items():
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    found = pool.submit(measured, what, image, device, own | keys).result()
                runs[what].append(found)
                print(what, *(f"{key} {value:.2f}" for key, value in found.items()), flush=True)
    forms = dict.fromkeys(("ratio", "cpu_ratio", "peak_gib", "gpu_gib"), ".2f")
    forms |= dict.fromkeys(("seconds", "least", "most", "cpu_seconds"), ".1f")
    rows = summary(runs)
    missing = "" if has_peer else " nnU-Net v2 is not installed here (`pip install nnunetv2`)."
    count = "one run" if repeats == 1 else f"medians of {repeats} runs"
    text = f"A scan of {shape} voxels, {count} of each.{missing}\n\n{table(rows, COLUMNS, **forms)}"
    write_results(out, "speed peer", text, rows, tuple(COLUMNS))
