"""From a mask of 512 x 512 x 275 voxels to every file.

    python scripts/study.py speed geometry

A phantom's own mask, in a process of its own for each measurement, as scripts/reconstruct.py would do it: the
default files, and again with every mesh format, voxel cloud and solver model as well.
"""

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np

from bundle.geometry.case import export_case
from bundle.phantom import make_phantom

from ..common import RESULTS, Out, peak_gib, table, write_results
from .scan import SEED, SHAPE

EVERYTHING = {
    "formats": ("stl", "ply", "vtp", "obj", "glb"),
    "cloud_formats": ("ply", "vtp"),
    "voxel_points": True,
    "solver": True,
    "extension_diameters": 2.0,
}


def export(folder: str, options: dict) -> tuple[dict[str, float], int]:
    """Seconds by stage and in all with the peak in GiB, and the triangles, in this process."""
    with np.load(Path(folder) / "mask.npz") as arrays:
        mask, affine = arrays["mask"], arrays["affine"]
    start = time.perf_counter()
    report = export_case(mask, affine, folder, "case", **options)
    all_s = time.perf_counter() - start
    return report["seconds"] | {"**all**": all_s, "peak, GiB": peak_gib()}, report["mesh"]["triangles"]


def main(seed: int = SEED, shape: tuple[int, int, int] = SHAPE, out: Out = RESULTS) -> None:
    columns = {"default": {}, "everything": EVERYTHING}
    with tempfile.TemporaryDirectory() as folder:
        phantom = make_phantom(seed, shape, workers=2)
        np.savez(Path(folder) / "mask.npz", mask=phantom.label, affine=phantom.affine)
        del phantom
        for name, options in columns.items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                columns[name], triangles = pool.apply(export, (folder, options))
    rows = [{"stage": stage} | {name: found.get(stage) for name, found in columns.items()}
            for stage in columns["everything"]]  # fmt: skip
    heads = {"stage": "stage", "default": "default files, s", "everything": "everything, s"}
    text = f"{triangles} triangles.\n\n{table(rows, heads, default='.2f', everything='.2f')}"
    write_results(out, "speed geometry", text, rows, tuple(heads))
