"""A segmentation's outline on slices of its scan.

python scripts/study.py pictures overlay scan.nii.gz eval/scan/scan_seg.nii.gz --out overlay.png
"""

from pathlib import Path
from typing import Annotated

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import typer

from bundle.common.coordinates import voxel_size_mm
from bundle.data.readers import read_volume


def shown_slices(mask: np.ndarray, count: int) -> np.ndarray:
    """`count` axial slices spread over the mask by how much of it they hold."""
    area = mask.sum(axis=(0, 1)).astype(float)
    if not area.any():
        return np.linspace(0, mask.shape[2] - 1, count + 2).astype(int)[1:-1]
    held = np.cumsum(np.minimum(area, np.percentile(area[area > 0], 75))) / 1.0
    return np.unique(np.searchsorted(held, held[-1] * (np.arange(count) + 0.5) / count))


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
    slices: int = 10,
    columns: int = 5,
    margin: Annotated[float, typer.Option(help="mm shown around the segmentation")] = 45.0,
    window: Annotated[tuple[float, float], typer.Option(help="HU", metavar="LOW HIGH")] = (-200, 700),
) -> None:
    image, spacing = to_ras(scan)
    mask = to_ras(segmentation)[0] > 0
    if image.shape != mask.shape:
        raise typer.BadParameter(f"the scan has {image.shape} voxels and the segmentation {mask.shape}")
    around = (margin / spacing).astype(int)
    found = np.argwhere(mask) if mask.any() else np.array([[0, 0, 0], image.shape])
    low = np.maximum(found.min(0) - around, 0)
    high = np.minimum(found.max(0) + around + 1, image.shape)

    shown = shown_slices(mask, slices)[::-1]
    rows = -(-len(shown) // columns)
    height, width = (high - low)[1] * spacing[1], (high - low)[0] * spacing[0]
    size = (3 * columns, 3 * rows * height / width)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for axis, k in zip(axes.ravel(), shown):
        # Radiological view: the patient's right on the left, anterior up.
        part = (slice(low[0], high[0]), slice(low[1], high[1]), k)
        turned, ratio = image[part].T[::-1, ::-1], spacing[1] / spacing[0]
        axis.imshow(turned, cmap="gray", vmin=window[0], vmax=window[1], aspect=ratio)
        if mask[part].any():
            axis.contour(mask[part].T[::-1, ::-1], [0.5], colors="#ff4d3d", linewidths=1.2)
        height = f"{k * spacing[2]:.0f} mm"
        axis.text(0.02, 0.97, height, transform=axis.transAxes, color="white", va="top", fontsize=8)
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(out, dpi=80, facecolor="black")
    print(out)
