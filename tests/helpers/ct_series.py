"""A CT series on disk for the tests of DICOM objects, and the case that was made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hearts import heart
from scipy.spatial import cKDTree
from studies.ct_series import PATIENT, ct_series

from bundle.common.coordinates import voxel_to_world, voxels_of
from bundle.common.files import write_json
from bundle.common.nifti import write_nifti
from bundle.geometry.case import export_case

__all__ = ["PATIENT", "ct_series", "heart_case", "heart_mask"]


def heart_mask(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The lumen (X, Y, Z) bool of the schematic coronary tree, wide and with a narrowed LAD, on a grid."""
    tree, names = heart()
    for segment in tree.segments:
        segment.radius *= 1.8  # wide enough for a millimetre's voxels
    lad = tree.segments[names.index("LAD 2")]
    lad.radius[30:42] *= 0.5
    at = voxel_to_world(voxels_of(np.ones(shape, bool)), affine)
    distance, nearest = cKDTree(tree.points).query(at, distance_upper_bound=5.0)
    inside = np.isfinite(distance)
    inside[inside] = distance[inside] <= tree.radius[nearest[inside]]
    return inside.reshape(shape)


def heart_case(folder: Path, name: str, affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The files of a case made of `heart_mask`, as a run leaves them; returns the mask."""
    mask = heart_mask(affine, shape)
    report = export_case(mask, affine, folder, name, pictures=False)
    report["scan"] = {"shape": list(shape), "affine_ras_mm": affine.tolist()}
    write_nifti(folder / f"{name}_seg.nii.gz", mask.astype(np.uint8), affine)
    write_json(report, folder / f"{name}.json")
    return mask
