"""DICOM images on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from bundle.common.files import UNFINISHED

from .ct_slices import ct_slices
from .multi_frame import multi_frame

__all__ = ["save_images", "write_ct_series"]


def save_images(images: Iterable[Dataset], folder: str | Path) -> list[Path]:
    """Write data sets as ``IM0001.dcm``, ``IM0002.dcm``, ... into a folder, which is made."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = []
    for number, image in enumerate(images, 1):
        paths.append(Path(folder) / f"IM{number:04d}.dcm")
        image.save_as(paths[-1], enforce_file_format=True)
    return paths


def write_ct_series(
    folder: str | Path,
    array: np.ndarray,
    affine: np.ndarray,
    seed: str,
    enhanced: bool = False,
    **attributes: Any,
) -> list[Path]:
    """Write a volume as a CT series, a file a slice, or as one enhanced multi-frame file.

        write_ct_series("data/phantoms-dicom/1", phantom.image, phantom.affine, "1")

    The folder appears with all files in it, in place of one of its name.

    Args, raises: see `ct_slices`.
    """
    folder = Path(folder)
    unfinished = folder.with_name(f"{UNFINISHED}{os.getpid()}-{folder.name}")
    images = ct_slices(array, affine, seed, **attributes)
    try:
        paths = save_images([multi_frame(list(images))] if enhanced else images, unfinished)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return [folder / path.name for path in paths]
