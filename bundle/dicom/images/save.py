"""DICOM images on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from bundle.common.files import replacing

from .ct_slices import ct_slices
from .multi_frame import multi_frame

__all__ = ["save_images", "write_ct_series"]


def save_images(images: Iterable[Dataset], folder: str | Path, first: int = 1) -> list[Path]:
    """Write data sets as ``IM0001.dcm``, ...; each appears whole or not at all."""
    paths = []
    for number, image in enumerate(images, first):
        path = Path(folder) / f"IM{number:04d}.dcm"
        with replacing(path) as unfinished:
            image.save_as(unfinished, enforce_file_format=True)
        paths.append(path)
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

        write_ct_series("data/phantoms/dicom/1", phantom.image, phantom.affine, "1")

    Args, raises: see `ct_slices`.
    """
    images = ct_slices(array, affine, seed, **attributes)
    return save_images([multi_frame(list(images))] if enhanced else images, folder)
