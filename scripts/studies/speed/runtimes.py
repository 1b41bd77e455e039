"""The networks in PyTorch, OpenVINO and ONNX Runtime on the CPU.

    python scripts/study.py speed runtimes
    python scripts/study.py speed runtimes --network default --repeats 9

Each way runs in a process of its own, on the same input: of the default network a whole phantom, of the
native one the window in its middle. Of what is not installed there is no row.
"""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from enum import Enum
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from monai.bundle import ConfigParser
from shared import Set, settings, workflow

from bundle.networks import (
    ENGINES,
    CompiledNetwork,
    half_precision,
    is_quick_in_half,
    load_weights,
    memory_kept,
    norms_by_channel,
    on_runtime,
)

from ..common import RESULTS, Out, peak_gib, table, write_results
from .scan import DATA, Data, Image, middle_of, scan_or_phantom

EAGER = ("torch", False, False)
COLUMNS = {
    "network": "network", "way": "run by", "ratio": "of the time", "cpu_ratio": "of the CPU time",
    "median_ms": "median, ms", "least_ms": "least", "most_ms": "most", "cpu_ms": "CPU, ms",
    "first_s": "first, s",
    "probability": "probability, most", "voxels": "lumen, voxels", "differing": "that differ, %",
    "peak_gib": "peak GiB",
}  # fmt: skip


class Network(str, Enum):
    """One of the two that are shipped."""

    default = "default"
    native = "native"

    @property
    def configs(self) -> list[str]:
        return ["inference.yaml", *(["modes/native.yaml"] if self is Network.native else [])]


def ways() -> Iterator[tuple[str, bool, bool]]:
    """Runtime, whether PyTorch compiles the network, whether in bfloat16; PyTorch as it is comes first."""
    yield EAGER
    yield "torch", True, False
    installed = [name for name, engine in ENGINES.items() if not engine.missing()]
    yield from ((name, False, False) for name in installed)
    if is_quick_in_half("cpu"):
        yield "torch", False, True
        yield from ((name, False, True) for name in installed if ENGINES[name].has_half)


def name_of(runtime: str, compiles: bool, half: bool) -> str:
    title = ENGINES[runtime].title if runtime in ENGINES else "PyTorch"
    return f"{title}{', compiled' if compiles else ''}{', bfloat16' if half else ''}"


def measured(
    way: tuple[str, bool, bool], network_def: dict[str, Any], weights: str, volume: np.ndarray, repeats: int
) -> dict[str, Any]:
    """Seconds of calls, and the outcome of the last; the first of all is counted by itself."""
    runtime, compiles, half = way
    x = torch.from_numpy(volume)
    own = load_weights(ConfigParser({"n": network_def}).get_parsed_content("n"), weights).eval()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as inside:
        for context in (torch.inference_mode(), memory_kept(), half_precision("cpu", half)):
            inside.enter_context(context)
        network = on_runtime(own, runtime, "cpu", half, folder)
        if compiles:
            network = torch.compile(own)
        elif not isinstance(network, CompiledNetwork):
            inside.enter_context(norms_by_channel(own))
        if half:
            x = x.contiguous(memory_format=torch.channels_last_3d)
        begin = time.perf_counter()
        network(x)
        first = time.perf_counter() - begin
        spent, cpu = [], []
        for _ in range(repeats):
            begin, cpu_begin = time.perf_counter(), time.process_time()
            found = network(x)
            spent.append(time.perf_counter() - begin)
            cpu.append(time.process_time() - cpu_begin)
    return {
        "median_ms": 1e3 * float(np.median(spent)),
        "least_ms": 1e3 * min(spent),
        "most_ms": 1e3 * max(spent),
        "cpu_ms": 1e3 * float(np.median(cpu)),
        "first_s": first,
        "peak_gib": peak_gib(),
        "lumen": found[0, 0].float().sigmoid().numpy(),
    }


def compared(row: dict[str, Any], eager: dict[str, Any]) -> dict[str, Any]:
    """The row with its figures beside those of PyTorch as it is."""
    lumen, true = row["lumen"], eager["lumen"]
    count = int((true > 0.5).sum())
    return row | {
        "ratio": row["median_ms"] / eager["median_ms"],
        "cpu_ratio": row["cpu_ms"] / eager["cpu_ms"],
        "probability": float(np.abs(lumen - true).max()),
        "voxels": count,
        "differing": 100 * int(((lumen > 0.5) != (true > 0.5)).sum()) / max(count, 1),
    }


def middle(volume: torch.Tensor, size: tuple[int, ...]) -> np.ndarray:
    """A volume (C, X, Y, Z) or its middle, where it is larger, as a batch of one."""
    window = volume[(slice(None), *middle_of(volume.shape[1:], size))]
    return np.ascontiguousarray(window[None].numpy())


def main(
    network: Annotated[list[Network] | None, typer.Option(help="by default both")] = None,
    image: Image = None,
    repeats: Annotated[int, typer.Option(min=1, help="calls that are timed, after a first one")] = 5,
    data: Data = DATA,
    out: Out = RESULTS,
    override: Set = None,
) -> None:
    """Time one call of each network each way."""
    image = scan_or_phantom(image, data)
    for one in network or list(Network):
        keys = {"dataset_dir": image, "device": "cpu", "runtime": "torch"} | settings(override, *one.configs)
        with tempfile.TemporaryDirectory() as folder:
            parser = workflow(*one.configs, **({"output_dir": Path(folder) / "eval"} | keys)).parser
            get = parser.get_parsed_content
            volume = get("dataset")[0]["image"].as_tensor()
            size = tuple(parser["inferer"].get("roi_size", volume.shape[1:]))
            arguments = {key: get(f"network_def#{key}") for key in parser["network_def"]}
            about = (arguments, get("ckpt_path"), middle(volume, size), repeats)
        eager, rows = None, []
        for way in ways():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                row = pool.submit(measured, way, *about).result()
            eager = eager or row
            shape = "×".join(map(str, about[2].shape[2:]))
            rows.append({"network": f"{one.value}, {shape}", "way": name_of(*way)} | compared(row, eager))
            write(out, one, rows, repeats)  # after each: the native network takes many minutes


def write(out: Path, network: Network, rows: list[dict[str, Any]], repeats: int) -> None:
    """The rows of one network so far, as a part of the page of their own."""
    shown = dict.fromkeys(("median_ms", "least_ms", "most_ms", "cpu_ms"), ".0f")
    shown |= dict.fromkeys(("ratio", "cpu_ratio", "peak_gib"), ".2f")
    figures = table(rows, COLUMNS, **shown, probability=".4f", differing=".3f", first_s=".1f")
    what = "volume" if network is Network.default else "window"
    calls = "call" if repeats == 1 else "calls"
    text = f"One {what}; {repeats} {calls} after the first.\n\n{figures}"
    write_results(out, f"speed runtimes {network.value}", text, rows, tuple(COLUMNS))
