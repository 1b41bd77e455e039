"""The one way in: every file that is read goes through these checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bundle.common.errors import InputError

from .checks import check_spacing
from .damage import UNREADABLE, check_file, why_unreadable
from .declared import check_declared
from .formats import format_of
from .volume import Volume

__all__ = ["open_volume", "read_volume"]


def read_volume(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """A scan, a mask or a probability map of any tool; NIfTI, NRRD or MetaImage.

        array, affine = read_volume("scan.nii.gz")

    Args:
        path: ends in one of `bundle.common.filenames.SUFFIXES`; "~" is the home folder.

    Returns:
        The array (X, Y, Z) in voxel order, in the file's own type (float32 where the file scales its numbers;
        a fourth axis of 1 is dropped), and the affine (4, 4) from voxel index to RAS mm.

    Raises:
        InputError: the file is missing, empty, cut short or no image; declares more than it holds or than
            memory can; is not 3-D; has several values a voxel, NaN or infinity, a singular affine, or a
            spacing of 0 or less.
    """
    volume = open_volume(path)
    return volume.array(), volume.affine


def open_volume(path: str | Path) -> Volume:
    """The same as a `Volume`, for a reader that wants another type without a second copy."""
    path = str(Path(path).expanduser())
    check_file(path)
    reader = format_of(path)
    try:
        header = reader.read_header(path)
        check_declared(path, header)
        check_spacing(path, header.spacing_mm)
        return reader.open_volume(path)
    except InputError:
        raise
    except UNREADABLE as error:
        raise why_unreadable(path, error) from error
