"""The header of a file in any of the formats, chosen by the file's ending, and what it says of the file."""

from __future__ import annotations

from pathlib import Path

from bundle.common.errors import InputError
from bundle.common.filenames import split_suffix

from . import meta_image, nifti, nrrd
from .damage import UNREADABLE
from .header import Header

__all__ = ["files_of", "format_of", "is_eight_bit", "read_header"]

_FORMATS = {
    ".nii.gz": nifti, ".nii": nifti, ".nrrd": nrrd, ".nhdr": nrrd, ".mha": meta_image, ".mhd": meta_image,
}  # fmt: skip


def format_of(path: str | Path):
    """The module that reads the file: `nifti`, `nrrd` or `meta_image`."""
    return _FORMATS[split_suffix(path)[1]]


def read_header(path: str | Path) -> Header:
    """What the header states, checked so far that its numbers are numbers.

    Raises:
        InputError: it states what cannot be.
        One of `UNREADABLE`: it cannot be read.
    """
    return format_of(path).read_header(path)


def is_eight_bit(path: str | Path) -> bool:
    """True where the voxels are unscaled 8-bit integers: too few values for Hounsfield units, so a mask.

    A file whose header cannot be read counts as False: loading it will say what is wrong.
    """
    try:
        return read_header(path).is_eight_bit
    except UNREADABLE:
        return False


def files_of(path: str | Path) -> list[Path]:
    """The file, and that of its data where it is a header with a file of its own beside it (.nhdr, .mhd)."""
    path = Path(path)
    if split_suffix(path)[1] not in (".nrrd", ".nhdr", ".mha", ".mhd"):
        return [path]
    try:
        data = read_header(path).data_file
    except InputError:  # loading it will say why
        return [path]
    return [path] if data == path else [path, data]
