"""All 48 orders of a scan's axes: the same tree.

    python scripts/study.py robustness orientations

The scan is the coronary tree of a phantom, brighter than what is around it, on an oblique grid, and the
network sees brightness alone. Of each order the mask (turned back), the mesh and the centreline are held
against those of the first.
"""

import itertools
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pyvista as pv
from scipy.spatial.transform import Rotation

from bundle.phantom import make_phantom

from ..common import RESULTS, Out, table, write_results
from .trial_cases import inference

SHAPE = (128, 128, 80)
ORDERS = [
    np.column_stack([axes, flips])
    for axes in itertools.permutations(range(3))
    for flips in itertools.product((1, -1), repeat=3)
]


def write_orders(folder: Path, orders: list[np.ndarray], seed: int = 7) -> None:
    """`<number>.nii.gz` of one scan in each order, each with the affine that keeps it where it is."""
    phantom = make_phantom(seed, SHAPE, orientation="RAS")
    turn = nib.affines.from_matvec(Rotation.from_euler("zx", [12, 7], degrees=True).as_matrix())
    image = (50 + 400 * (phantom.lumen_fraction / 255.0) - 1000 * (phantom.image < -500)).astype(np.int16)
    scan = nib.Nifti1Image(image, turn @ phantom.affine)
    folder.mkdir(parents=True, exist_ok=True)
    for number, order in enumerate(orders):
        nib.save(scan.as_reoriented(order), folder / f"{number}.nii.gz")


def differences(out: Path, case: str, other: str) -> dict[str, float]:
    """Of two orders: voxels of the mask, and largest distances of mesh and centreline, mm, both ways."""
    masks = [nib.as_closest_canonical(nib.load(out / c / f"{c}_seg.nii.gz")) for c in (case, other)]
    a, b = (np.asarray(mask.dataobj) > 0 for mask in masks)
    found = {
        "affine_mm": float(np.abs(masks[0].affine - masks[1].affine).max()),
        "mask_voxels": int(np.count_nonzero(a != b)),
        "mask_fraction": float(np.count_nonzero(a != b) / max(np.count_nonzero(a), 1)),
    }
    for name in ("mesh", "centerline"):
        one, two = (pv.read(out / c / f"{c}_{name}.vtp") for c in (case, other))
        gaps = np.concatenate([_gaps(one, two), _gaps(two, one)])
        found[f"{name}_mean_mm"], found[f"{name}_max_mm"] = float(gaps.mean()), float(gaps.max())
    return found


def _gaps(data: pv.PolyData, other: pv.PolyData) -> np.ndarray:
    """Distance of each point to the triangles or lines of the other, mm."""
    points = np.asarray(data.points, np.float64)
    return np.linalg.norm(points - other.find_closest_cell(points, return_closest_point=True)[1], axis=1)


def main(count: int = 48, out: Out = RESULTS) -> None:
    """Measure the largest differences of `count` orders from the first."""
    orders = ORDERS[:: len(ORDERS) // count]
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        write_orders(folder / "data", orders)
        keys = {"min_component_mm3": 30.0, "geometry#pictures": False}
        inference(folder, folder / "eval", SHAPE, **keys).run()
        numbers = range(1, len(orders))
        rows = [{"order": n} | differences(folder / "eval", "0", str(n)) for n in numbers]
    largest = {"orders": len(orders)} | {key: max(row[key] for row in rows) for key in list(rows[0])[1:]}
    text = f"The largest differences from the first order.\n\n{table([largest], tuple(largest))}"
    write_results(out, "robustness orientations", text, rows, tuple(rows[0]))
