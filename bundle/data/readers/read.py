"""The one way in: every file that is read goes through these checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bundle.common.errors import InputError
from bundle.common.filenames import split_suffix

from . import meta_image, nifti, nrrd
from .checks import check_declared, check_spacing
from .damage import UNREADABLE, check_file, why_unreadable
from .itk_image import open_itk
from .volume import Volume

__all__ = ["files_of", "is_eight_bit", "open_volume", "read_volume"]

_HEADERS = {
    ".nii.gz": nifti.read_header, ".nii": nifti.read_header, ".nrrd": nrrd.read_header,
    ".nhdr": nrrd.read_header, ".mha": meta_image.read_header, ".mhd": meta_image.read_header,
}  # fmt: skip
_ITK_CLASSES = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}


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
    suffix = split_suffix(path)[1]
    try:
        header = _HEADERS[suffix](path)
        check_declared(path, header)
        check_spacing(path, header.spacing_mm)
        return open_itk(path, _ITK_CLASSES[suffix]) if suffix in _ITK_CLASSES else nifti.open_volume(path)
    except InputError:
        raise
    except UNREADABLE as error:
        raise why_unreadable(path, error) from error


def is_eight_bit(path: str | Path) -> bool:
    """True where the voxels are unscaled 8-bit integers: too few values for Hounsfield units, so a mask.

    A file whose header cannot be read counts as False: loading it will say what is wrong.
    """
    try:
        return _HEADERS[split_suffix(path)[1]](path).is_eight_bit
    except UNREADABLE:
        return False


def files_of(path: str | Path) -> list[Path]:
    """The file, and that of its data where it is a header with a file of its own beside it (.nhdr, .mhd)."""
    path, suffix = Path(path), split_suffix(path)[1]
    if suffix not in _ITK_CLASSES:
        return [path]
    try:
        data = _HEADERS[suffix](path).data_file
    except InputError:  # loading it will say why
        return [path]
    return [path] if data == path else [path, data]
