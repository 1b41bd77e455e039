"""Small cases on disk that many tests use."""

from pathlib import Path

import nibabel as nib
import numpy as np
import openpyxl


def tube_volume(shape=(48, 48, 32), spacing=(1.0, 1.0, 1.5), seed=0):
    """Two bright tubes (350 HU, radius 3 mm) in noisy soft tissue (50 HU), as (image int16, label uint8)."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*[(np.arange(n) + 0.5) * s for n, s in zip(shape, spacing)], indexing="ij")
    extent = np.array(shape) * np.array(spacing)
    sway = 2.0 * np.sin(z / extent[2] * 2 * np.pi)
    left = np.hypot(x - 0.3 * extent[0] - sway, y - 0.5 * extent[1]) < 3.0
    right = np.hypot(x - 0.7 * extent[0] + sway, y - 0.5 * extent[1]) < 3.0
    label = left | right
    image = np.where(label, 350.0, 50.0) + rng.normal(0.0, 20.0, shape)
    return image.astype(np.int16), label.astype(np.uint8)


def tube_case(folder, name, shape=(48, 48, 32), spacing=(1.0, 1.0, 1.5), affine=None, seed=0):
    """Write ``<name>.img.nii.gz`` and ``<name>.label.nii.gz`` and return their data-list item."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    image, label = tube_volume(shape, spacing, seed)
    affine = np.diag([*spacing, 1.0]) if affine is None else np.asarray(affine, float)
    item = {"case": str(name)}
    for key, suffix, array in (("image", "img", image), ("label", "label", label)):
        path = folder / f"{name}.{suffix}.nii.gz"
        nib.save(nib.Nifti1Image(array, affine), path)
        item[key] = str(path)
    return item


def write_split(path, rows):
    """Write an ImageCAS split file: a title row, a header row, then (name, Training|Val|Testing) rows."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["ImageCAS split"])
    sheet.append(["FileName", "Split-1", "Split-2", "Split-3", "Split-4"])
    for name, part in rows:
        sheet.append([name, part, part, part, part])
    book.save(path)
