"""One inference, stage by stage.

    python scripts/study.py speed inference                         # a phantom of 512x512x275 voxels
    python scripts/study.py speed inference --image scan.nii.gz --set geometry#smoothing=laplacian

The run is that of configs/inference.yaml itself; every transform in it is timed where it stands.
"""

import time

START, CPU_START = time.perf_counter(), time.process_time()

import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Annotated, Any  # noqa: E402

import nibabel as nib  # noqa: E402
import torch  # noqa: E402, F401
import typer  # noqa: E402
from monai.bundle import ConfigWorkflow  # noqa: E402
from shared import Set, settings, workflow  # noqa: E402

from ..common import RESULTS, Out, peak_gib, table, write_results  # noqa: E402
from .scan import DATA, Data, Image, scan_or_phantom  # noqa: E402

COLUMNS = {"stage": "stage", "seconds": "s", "cpu_seconds": "CPU s, all threads",
           "peak_gib": "peak GiB so far"}  # fmt: skip


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
    image: Image = None,
    config_file: Annotated[list[Path] | None, typer.Option(help="by default configs/inference.yaml")] = None,
    data: Data = DATA,
    out: Out = RESULTS,
    override: Set = None,
) -> None:
    stages = Stages()
    stages.add("import", time.perf_counter() - START, time.process_time() - CPU_START)
    configs = [path.resolve() for path in config_file or ()] or ["inference.yaml"]
    keys = settings(override, *configs)
    image = scan_or_phantom(image, data)
    is_nifti = image.name.endswith((".nii", ".nii.gz"))
    scan = "×".join(map(str, nib.load(image).shape)) + " voxels" if is_nifti else image.name
    with tempfile.TemporaryDirectory() as folder:
        begin, cpu_begin = time.perf_counter(), time.process_time()
        run = workflow(*configs, **({"dataset_dir": image, "output_dir": Path(folder) / "eval"} | keys))
        wrap(run, stages)
        handlers = run.parser.get_parsed_content("handlers")
        stages.add("set-up and weights", time.perf_counter() - begin, time.process_time() - cpu_begin)
        run.run()
        total = stages.rows["import"]["seconds"] + time.perf_counter() - begin
        cpu_total = stages.rows["import"]["cpu_seconds"] + time.process_time() - cpu_begin
        from bundle.handlers.cases import GeometryExport  # not before, as it would count

        for handler in handlers:
            if isinstance(handler, GeometryExport):  # may be switched off
                for report in handler.results.values():
                    for name, seconds in report["seconds"].items():
                        stages.add(f"geometry: {name}", seconds)
    whole = {"stage": "whole run", "seconds": total, "cpu_seconds": cpu_total, "peak_gib": peak_gib()}
    rows = [*stages.rows.values(), whole]
    forms = dict.fromkeys(("seconds", "cpu_seconds", "peak_gib"), ".2f")
    text = f"A scan of {scan}.\n\n{table(rows, COLUMNS, **forms)}"
    write_results(out, "speed inference", text, rows, tuple(COLUMNS))
