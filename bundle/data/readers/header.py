"""What the header of a volume file states, read as it stands, before a reader mends it.

nibabel and ITK turn a spacing of 0 or -1 mm into a positive one with at most a log line. These few bytes
are therefore looked at first.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError

from bundle.common.errors import InputError
from bundle.common.filenames import split_suffix

from .text_header import read_text_header

__all__ = ["UNREADABLE", "files_of", "is_eight_bit", "nifti_header", "stated_spacing_mm"]

# What nibabel, ITK and zlib raise on a file that is damaged; an offset of infinity overflows in nibabel.
UNREADABLE = (
    OSError, EOFError, ValueError, RuntimeError, OverflowError, zlib.error, ImageFileError, HeaderDataError,
)  # fmt: skip

_TEXT_BYTES = 8192
_SPACING_LINE = re.compile(rb"^(?:ElementSpacing\s*=|spacings\s*:)(.*)$", re.IGNORECASE | re.MULTILINE)
_TYPE_LINE = re.compile(rb"^(?:ElementType\s*=|type\s*:)(.*)$", re.IGNORECASE | re.MULTILINE)
_EIGHT_BIT_TYPES = {
    b"met_uchar", b"met_char", b"uchar", b"unsigned char", b"uint8", b"uint8_t",
    b"signed char", b"int8", b"int8_t",
}  # fmt: skip


def stated_spacing_mm(path: str | Path) -> tuple[float, ...]:
    """The spacing that the header states, an entry for each of at most three axes; () where it states none.

    NRRD holds it in its axis directions as a rule, which are checked with the affine.

    Raises:
        OSError, EOFError, ValueError or nibabel's ImageFileError: the header cannot be read.
    """
    if split_suffix(path)[1].startswith(".nii"):
        header = nifti_header(path)
        rank = int(np.clip(header["dim"][0], 0, 3))
        return tuple(float(v) for v in header["pixdim"][1 : 1 + rank])
    match = _SPACING_LINE.search(_text_header(path))
    return tuple(float(v) for v in match[1].split()[:3]) if match else ()


def is_eight_bit(path: str | Path) -> bool:
    """True where the voxels are unscaled 8-bit integers: too few values for Hounsfield units, so a mask.

    A file whose header cannot be read counts as False: loading it will say what is wrong.
    """
    try:
        if split_suffix(path)[1].startswith(".nii"):
            image = nib.load(path)
            slope, intercept = image.dataobj.slope, image.dataobj.inter
            return image.get_data_dtype().itemsize == 1 and (slope, intercept) == (1.0, 0.0)
        match = _TYPE_LINE.search(_text_header(path))
    except UNREADABLE:
        return False
    return match is not None and match[1].strip().lower() in _EIGHT_BIT_TYPES


def files_of(path: str | Path) -> list[Path]:
    """The file, and that of its data where it is a header with a file of its own beside it (.nhdr, .mhd)."""
    path = Path(path)
    if split_suffix(path)[1] in ("", ".nii", ".nii.gz"):
        return [path]
    try:
        data = read_text_header(path).data_file
    except InputError:  # loading it will say why
        return [path]
    return [path] if data == path else [path, data]


def nifti_header(path: str | Path):
    """The header of a NIfTI file as it stands, unchecked."""
    header_class = type(nib.load(path).header)
    with ImageOpener(path) as file:
        return header_class.from_fileobj(file, check=False)


def _text_header(path: str | Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_TEXT_BYTES)
