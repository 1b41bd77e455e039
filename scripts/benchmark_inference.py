"""Where the time and the memory of one inference go, stage by stage.

    python scripts/benchmark_inference.py                         # a synthetic 512x512x275 volume
    python scripts/benchmark_inference.py --image scan.nii.gz --markdown docs/inference_times.md

The run is that of configs/inference.yaml itself; every transform in it is timed where it stands. Any key of
the config can be given, as with monai.bundle: --smoothing laplacian, --device cpu.
"""

from __future__ import annotations

import time

START = time.perf_counter()

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

from bundle.handlers.table import to_text, write_text  # noqa: E402

SHAPE, SPACING_MM = (512, 512, 275), (0.35, 0.35, 0.5)


class Stages:
    """Seconds and resident memory (GiB, the highest so far) of named stages, in the order they first ran."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def add(self, name: str, seconds: float) -> None:
        row = self.rows.setdefault(name, {"stage": name, "seconds": 0.0, "peak_gib": 0.0})
        row["seconds"] += seconds
        row["peak_gib"] = peak_gib()

    def time_method(self, owner: Any, method: str, name: str) -> None:
        """Time ``owner.method`` by giving it a subclass of its own class, under the same class name."""
        kind = type(owner)
        original = getattr(kind, method)
        stages = self

        def timed(self, *args, **kwargs):
            start = time.perf_counter()
            try:
                return original(self, *args, **kwargs)
            finally:
                stages.add(name, time.perf_counter() - start)

        owner.__class__ = type(kind.__name__, (kind,), {method: timed, "__module__": kind.__module__})


def peak_gib() -> float:
    """Highest resident memory of this process so far."""
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def synthetic_scan(path: Path, seed: int = 0) -> None:
    """Write a noisy volume with winding vessels of 1 to 2 mm radius: the size of a scan, not its anatomy."""
    rng = np.random.default_rng(seed)
    image = rng.integers(-60, 120, SHAPE, dtype=np.int16)
    reach = 6
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    distance_mm = np.linalg.norm(offsets * SPACING_MM, axis=1)
    for _ in range(12):
        at = rng.uniform(0.3, 0.7, 3) * SHAPE * np.array(SPACING_MM)
        heading = rng.normal(size=3)
        radius_mm = rng.uniform(1.0, 2.0)
        for _ in range(400):
            heading = heading / np.linalg.norm(heading) + 0.15 * rng.normal(size=3)
            at = at + 0.25 * heading / np.linalg.norm(heading)
            near = np.round(at / SPACING_MM).astype(int) + offsets[distance_mm <= radius_mm]
            near = near[((near >= 0) & (near < SHAPE)).all(axis=1)]
            image[tuple(near.T)] = 380
    affine = np.diag([-SPACING_MM[0], -SPACING_MM[1], SPACING_MM[2], 1.0])
    affine[:3, 3] = (90, 90, -120)
    nib.save(nib.Nifti1Image(image, affine), path)


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
        image: a scan; by default a synthetic volume of 512x512x275 voxels.
        config_file: the config or configs to run.
        markdown: a file to write the table to.
        **override: keys of the config.
    """
    stages = Stages()
    stages.add("import", time.perf_counter() - START)
    with tempfile.TemporaryDirectory() as folder:
        if image is None:
            image = os.path.join(folder, "synthetic.nii.gz")
            synthetic_scan(Path(image))
        scan = "x".join(map(str, nib.load(image).shape)) if image.endswith((".nii", ".nii.gz")) else image
        begin = time.perf_counter()
        override = {"bundle_root": str(ROOT), "output_dir": os.path.join(folder, "eval")} | override
        workflow = ConfigWorkflow(
            config_file, workflow_type="inference", logging_file=False, dataset_dir=image, **override
        )
        workflow.initialize()
        wrap(workflow, stages)
        geometry = workflow.parser.get_parsed_content("geometry")
        stages.add("set-up and weights", time.perf_counter() - begin)
        workflow.run()
        total = time.perf_counter() - begin + stages.rows["import"]["seconds"]
        for report in geometry.results.values():
            for name, seconds in report["seconds"].items():
                stages.add(f"geometry: {name}", seconds)
    rows = [*stages.rows.values(), {"stage": "whole run", "seconds": total, "peak_gib": peak_gib()}]
    print(to_text(rows, ("stage", "seconds", "peak_gib")))
    if markdown is not None:
        lines = [f"| {row['stage']} | {row['seconds']:.2f} | {row['peak_gib']:.2f} |" for row in rows]
        head = [f"{datetime.date.today()}, {machine()}; {scan}.", ""]
        head += ["| stage | s | peak GiB so far |", "|---|---|---|"]
        write_text(markdown, "\n".join([*head, *lines]) + "\n")


if __name__ == "__main__":
    fire.Fire(main)
