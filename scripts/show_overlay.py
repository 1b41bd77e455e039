"""A picture of a segmentation's outline on slices of its scan.

python scripts/show_overlay.py scan.nii.gz eval/scan/scan_seg.nii.gz --out overlay.png
"""

from __future__ import annotations

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np


def shown_slices(mask: np.ndarray, count: int) -> np.ndarray:
    """`count` axial slices spread over the mask by how much of it they hold."""
    area = mask.sum(axis=(0, 1)).astype(float)
    if not area.any():
        return np.linspace(0, mask.shape[2] - 1, count + 2).astype(int)[1:-1]
    share = np.cumsum(np.minimum(area, np.percentile(area[area > 0], 75))) / 1.0
    return np.unique(np.searchsorted(share, share[-1] * (np.arange(count) + 0.5) / count))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scan")
    parser.add_argument("segmentation")
    parser.add_argument("--out", default="overlay.png")
    parser.add_argument("--slices", type=int, default=10)
    parser.add_argument("--columns", type=int, default=5)
    parser.add_argument("--margin", type=float, default=45.0, help="mm shown around the segmentation")
    parser.add_argument(
        "--window", type=float, nargs=2, default=(-200, 700), metavar=("LOW", "HIGH"), help="HU"
    )
    arguments = parser.parse_args()

    scan, mask = (
        nib.as_closest_canonical(nib.load(path)) for path in (arguments.scan, arguments.segmentation)
    )
    spacing = np.array(scan.header.get_zooms()[:3])
    image, mask = np.asarray(scan.dataobj), np.asarray(mask.dataobj) > 0
    if image.shape != mask.shape:
        parser.error(f"the scan has {image.shape} voxels and the segmentation {mask.shape}; they must agree")
    margin = (arguments.margin / spacing).astype(int)
    found = np.argwhere(mask) if mask.any() else np.array([[0, 0, 0], image.shape])
    low = np.maximum(found.min(0) - margin, 0)
    high = np.minimum(found.max(0) + margin + 1, image.shape)

    slices = shown_slices(mask, arguments.slices)[::-1]
    rows = -(-len(slices) // arguments.columns)
    height, width = (high - low)[1] * spacing[1], (high - low)[0] * spacing[0]
    figure, axes = plt.subplots(
        rows, arguments.columns, figsize=(3 * arguments.columns, 3 * rows * height / width), squeeze=False
    )
    for axis in axes.ravel():
        axis.axis("off")
    for axis, k in zip(axes.ravel(), slices):
        # Radiological view: the patient's right on the left, anterior up.
        part = (slice(low[0], high[0]), slice(low[1], high[1]), k)
        axis.imshow(
            image[part].T[::-1, ::-1],
            cmap="gray",
            vmin=arguments.window[0],
            vmax=arguments.window[1],
            aspect=spacing[1] / spacing[0],
        )
        if mask[part].any():
            axis.contour(mask[part].T[::-1, ::-1], [0.5], colors="#ff4d3d", linewidths=1.2)
        axis.text(
            0.02,
            0.97,
            f"{k * spacing[2]:.0f} mm",
            transform=axis.transAxes,
            color="white",
            va="top",
            fontsize=8,
        )
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(arguments.out, dpi=80, facecolor="black")
    print(arguments.out)


if __name__ == "__main__":
    main()
