"""A segmentation's outline on slices of its scan.

python scripts/study.py pictures overlay scan.nii.gz eval/scan/scan_seg.nii.gz --out overlay.png
"""

from pathlib import Path
from typing import Annotated

import nibabel as nib
import numpy as np
import typer

from bundle.common.coordinates import voxel_size_mm
from bundle.common.errors import InputError
from bundle.data.readers import read_volume
from bundle.geometry.render import overlay_picture, slices_of


def to_ras(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A volume with its axes nearest to R, A, S, and its spacing in mm."""
    array, affine = read_volume(path)
    order = nib.io_orientation(affine)
    turned = affine @ nib.orientations.inv_ornt_aff(order, array.shape)
    return nib.apply_orientation(array, order), voxel_size_mm(turned)


def main(
    scan: Path,
    segmentation: Path,
    out: Path = Path("overlay.png"),
    slices: int = 8,
    window: Annotated[tuple[float, float], typer.Option(help="HU", metavar="LOW HIGH")] = (-200, 700),
) -> None:
    image, spacing = to_ras(scan)
    mask = to_ras(segmentation)[0] > 0
    if image.shape != mask.shape:
        raise InputError(f"the scan has {image.shape} voxels and the segmentation {mask.shape}")
    low, high = window

    def plane(height: float) -> np.ndarray:
        return (image[:, :, int(height * image.shape[2])] - low) / (high - low)

    shown = slices_of(plane, mask, spacing, slices)
    if shown is None:
        raise InputError(f"'{segmentation}' is empty")
    overlay_picture(shown, out, scan.name)
    print(out)
