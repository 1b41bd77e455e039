"""Small cases on disk that every test may use."""

from __future__ import annotations

import os

# Before NumPy is imported: on arrays this small its threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import nibabel as nib
import numpy as np
import openpyxl
import pytest


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


@pytest.fixture
def imagecas_dir(tmp_path):
    """An ImageCAS folder of six tube cases (3 Training, 1 Val, 2 Testing) with its split file."""
    root = tmp_path / "ImageCAS"
    parts = ["Training", "Training", "Training", "Val", "Testing", "Testing"]
    for number in range(1, 7):
        tube_case(root / "1-200", number, seed=number)
    write_split(root / "imageCAS_data_split.xlsx", list(zip(range(1, 7), parts)))
    return root


@pytest.fixture
def real_cta():
    """One real CT angiogram, which is not part of the project."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "real_cta" / "heart_cta_1p5mm.nii.gz"
    if not path.is_file():
        pytest.skip("shared/data/real_cta is not beside the checkout")
    return path
