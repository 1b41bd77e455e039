"""Where the time and the memory of one inference go, stage by stage.

    python scripts/benchmark_inference.py                         # a phantom of 512x512x275 voxels
    python scripts/benchmark_inference.py --image scan.nii.gz --markdown docs/inference_times.md

The run is that of configs/inference.yaml itself; every transform in it is timed where it stands. Any key of
the config can be given, as with monai.bundle: --smoothing laplacian, --device cpu.
"""

from __future__ import annotations

import time

START, CPU_START = time.perf_counter(), time.process_time()

import datetime  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import fire  # noqa: E402
import nibabel as nib  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from monai.bundle import ConfigWorkflow  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bundle.common.files import write_text  # noqa: E402
from bundle.common.tables import to_text  # noqa: E402
from bundle.phantom import write_imagecas  # noqa: E402

SHAPE, SEED = (512, 512, 275), 4_000_000


class Stages:
    """Seconds, CPU seconds and resident memory (GiB, the highest so far) of named stages, in their order.

    The CPU seconds are those of all threads: on a machine that does other work too they say more than the
    clock. One scan has no stages side by side, so each has its own.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def add(self, name: str, seconds: float, cpu_seconds: float = float("nan")) -> None:
        empty = {"stage": name, "seconds": 0.0, "cpu_seconds": 0.0, "peak_gib": 0.0}
        row = self.rows.setdefault(name, empty)
        row["seconds"] += seconds
        row["cpu_seconds"] += cpu_seconds
        row["peak_gib"] = peak_gib()

    def time_method(self, owner: Any, method: str, name: str) -> None:
        """Time ``owner.method`` by giving it a subclass of its own class, under the same class name."""
        kind = type(owner)
        original = getattr(kind, method)
        stages = self

        def timed(self, *args, **kwargs):
            start, cpu_start = time.perf_counter(), time.process_time()
            try:
                return original(self, *args, **kwargs)
            finally:
                stages.add(name, time.perf_counter() - start, time.process_time() - cpu_start)

        owner.__class__ = type(kind.__name__, (kind,), {method: timed, "__module__": kind.__module__})


def peak_gib() -> float:
    """Highest resident memory of this process so far."""
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def synthetic_scan(folder: Path) -> Path:
    """The image of a phantom of `SHAPE`, made once: noise and vessels cost what a patient's would."""
    (case,) = write_imagecas([SEED], folder, shape=SHAPE, processes=1)
    return Path(case["image"])


def machine() -> str:
    """The processor, its cores in use and the versions that matter, in one line."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{name}, {torch.get_num_threads()} threads{gpu}; {versions}"


def wrap(workflow: ConfigWorkflow, stages: Stages) -> None:
    """Time every transform of both chains, the way back, and the network."""
    before, after = (workflow.parser.get_parsed_content(key) for key in ("preprocessing", "postprocessing"))
    for transform in before.transforms:
        if hasattr(transform, "inverse"):
            stages.time_method(transform, "inverse", f"back: {type(transform).__name__}")
        stages.time_method(transform, "__call__", type(transform).__name__)
    stages.time_method(workflow.parser.get_parsed_content("network"), "forward", "network")
    for transform in after.transforms:
        suffix = f" {transform.keys[0]}" if type(transform).__name__ == "SaveCased" else ""
        stages.time_method(transform, "__call__", type(transform).__name__ + suffix)


def main(
    image: str | None = None,
    config_file: str = str(ROOT / "configs" / "inference.yaml"),
    markdown: str | None = None,
    **override: Any,
) -> None:
    """Run inference on one scan and print where the time went.

    Args:
        image: a scan; by default a phantom of 512x512x275 voxels, which is made in data/benchmark.
        config_file: the config or configs to run.
        markdown: a file to write the table to.
        **override: keys of the config.
    """
    stages = Stages()
    stages.add("import", time.perf_counter() - START, time.process_time() - CPU_START)
    if image is None:
        image = str(synthetic_scan(ROOT / "data" / "benchmark"))
    with tempfile.TemporaryDirectory() as folder:
        scan = "x".join(map(str, nib.load(image).shape)) if image.endswith((".nii", ".nii.gz")) else image
        begin, cpu_begin = time.perf_counter(), time.process_time()
        override = {"bundle_root": str(ROOT), "output_dir": os.path.join(folder, "eval")} | override
        workflow = ConfigWorkflow(
            config_file, workflow_type="inference", logging_file=False, dataset_dir=image, **override
        )
        workflow.initialize()
        wrap(workflow, stages)
        geometry = workflow.parser.get_parsed_content("handlers")[0]
        stages.add("set-up and weights", time.perf_counter() - begin, time.process_time() - cpu_begin)
        workflow.run()
        total = stages.rows["import"]["seconds"] + time.perf_counter() - begin
        cpu_total = stages.rows["import"]["cpu_seconds"] + time.process_time() - cpu_begin
        for report in geometry.results.values():
            for name, seconds in report["seconds"].items():
                stages.add(f"geometry: {name}", seconds)
    whole = {"stage": "whole run", "seconds": total, "cpu_seconds": cpu_total, "peak_gib": peak_gib()}
    rows = [*stages.rows.values(), whole]
    columns = ("stage", "seconds", "cpu_seconds", "peak_gib")
    print(to_text(rows, columns))
    if markdown is not None:
        lines = []
        for row in rows:
            numbers = ["" if np.isnan(row[name]) else f"{row[name]:.2f}" for name in columns[1:]]
            lines.append(f"| {' | '.join([row['stage'], *numbers])} |")
        head = [f"{datetime.date.today()}, {machine()}; {scan}.", ""]
        head += ["| stage | s | CPU s, all threads | peak GiB so far |", "|---|---|---|---|"]
        write_text(markdown, "\n".join([*head, *lines]) + "\n")


if __name__ == "__main__":
    fire.Fire(main)
