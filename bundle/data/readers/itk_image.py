"""NRRD and MetaImage volumes through ITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bundle.common.coordinates import ras_to_lps
from bundle.common.errors import InputError

from .checks import RIGHT_AFFINE, check_grid, check_values
from .volume import Volume

__all__ = ["open_itk"]

# What ITK says where it refuses the geometry of a file that is whole.
_SINGULAR = ("determinant is 0", "Zero-valued spacing")


def open_itk(path: str | Path, imageio: str) -> Volume:
    """The volume of a file that ITK reads with its class ``imageio``, such as "NrrdImageIO"."""
    import itk  # a fifth of a second, for a format that most never use

    try:
        # ITK itself knows MHA by a lower-case ending only.
        image = itk.imread(str(path), imageio=getattr(itk, imageio).New())
    except RuntimeError as error:
        if any(words in str(error) for words in _SINGULAR):
            raise InputError(f"'{path}' has a singular affine: {RIGHT_AFFINE}") from error
        raise
    values = image.GetNumberOfComponentsPerPixel()
    if values != 1:
        raise InputError(f"'{path}' has {values} values a voxel: expected one")
    affine = np.eye(4)
    n = min(image.GetImageDimension(), 3)
    direction = np.asarray(itk.array_from_matrix(image.GetDirection()))
    affine[:n, :n] = direction[:n, :n] * np.asarray(image.GetSpacing())[:n]
    affine[:n, 3] = np.asarray(image.GetOrigin())[:n]
    affine[:3] = ras_to_lps(affine[:3].T).T  # a half turn: LPS to RAS too
    check_grid(path, tuple(itk.size(image)), affine)
    stored = itk.array_view_from_image(image, keep_axes=False).T
    check_values(path, stored)
    return Volume(path, stored.reshape(stored.shape[:3]), affine)
