"""From a mask of 512 x 512 x 275 voxels to every file of the geometry: time by stage, and memory (Linux).

    python scripts/benchmark_geometry.py            # prints a table for docs/benchmarks.md

A phantom's own mask, in a process of its own for each measurement, as scripts/reconstruct.py would do it: the
default files, and again with every mesh format, voxel cloud and solver model as well.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import fire
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT))

from benchmark_inference import machine  # noqa: E402

SEED, SHAPE = 4_000_000, (512, 512, 275)
EVERYTHING = {
    "formats": ("stl", "ply", "vtp", "obj", "glb"),
    "cloud_formats": ("ply", "vtp"),
    "voxel_points": True,
    "solver": True,
    "extension_diameters": 2.0,
}


def run(folder: str, options: dict) -> tuple[dict, float, float, int]:
    """(seconds by stage, seconds in all, peak GiB, triangles) in this process."""
    from bundle.geometry.case import export_case

    with np.load(Path(folder) / "mask.npz") as arrays:
        mask, affine = arrays["mask"], arrays["affine"]
    start = time.perf_counter()
    report = export_case(mask, affine, folder, "case", **options)
    total = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()  # getrusage would count the parent's peak before exec
    peak = int(status.split("VmHWM:")[1].split()[0]) / 2**20
    return report["seconds"], total, peak, report["mesh"]["triangles"]


def main(seed: int = SEED) -> None:
    """Draw the phantom of `seed`, measure, print a table."""
    from bundle.phantom import make_phantom

    columns = []
    with tempfile.TemporaryDirectory() as folder:
        phantom = make_phantom(seed, SHAPE, workers=2)
        np.savez(Path(folder) / "mask.npz", mask=phantom.label, affine=phantom.affine)
        del phantom
        for options in ({}, EVERYTHING):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                columns.append(pool.apply(run, (folder, options)))
    print(f"{machine()}, load average {os.getloadavg()[0]:.1f}; {columns[0][3]} triangles\n")
    print("| stage | default files, s | everything, s |\n|---|---|---|")
    for name in columns[1][0]:
        values = [f"{column[0][name]:.2f}" if name in column[0] else "" for column in columns]
        print(f"| {name} | {' | '.join(values)} |")
    print(f"| **all** | {' | '.join(f'**{column[1]:.2f}**' for column in columns)} |")
    print(f"| peak, GiB | {' | '.join(f'{column[2]:.2f}' for column in columns)} |")


if __name__ == "__main__":
    fire.Fire(main)
