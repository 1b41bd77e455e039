"""Whether a file is there and whole, and why one cannot be read."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from isal import isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from bundle.common.errors import InputError
from bundle.common.filenames import SUFFIXES, split_suffix

__all__ = ["UNREADABLE", "check_file", "cut_short", "not_an_image", "why_unreadable"]

# What nibabel, ITK, zlib and ISA-L raise on a damaged file; an offset of infinity overflows in nibabel.
UNREADABLE = (
    OSError, EOFError, ValueError, RuntimeError, OverflowError, zlib.error, isal_zlib.error,
    ImageFileError, HeaderDataError,
)  # fmt: skip


def not_an_image(path: str | Path) -> InputError:
    return InputError(f"'{path}' is not an image that can be read: expected NIfTI, NRRD or MHA")


def cut_short(path: str | Path, what: str = "") -> InputError:
    return InputError(f"'{path}' is damaged or cut short{what}: copy or download it again")


def check_file(path: str | Path) -> None:
    """Refuse, with an `InputError`, what is no file with the ending of an image and something in it."""
    if not os.path.isfile(path):
        what = "is a folder" if os.path.isdir(path) else "is a device or a pipe"
        what = what if os.path.exists(path) else "does not exist"
        raise InputError(f"'{path}' {what}: expected one image file")
    if not split_suffix(path)[1]:
        raise InputError(f"'{path}' is not an image file: expected one that ends in {', '.join(SUFFIXES)}")
    if os.path.getsize(path) == 0:
        raise InputError(f"'{path}' is empty (0 bytes): copy or download it again")


def why_unreadable(path: str | Path, error: Exception) -> InputError:
    """What a person can do about one of `UNREADABLE`."""
    if isinstance(error, PermissionError):
        return InputError(f"'{path}' may not be read: give yourself permission to read it")
    if str(path).lower().endswith(".gz") and _gzip_is_cut(path):
        return InputError(f"'{path}' is a truncated gzip file: copy or download it again")
    if isinstance(error, EOFError) or _has_known_header(path):
        return cut_short(path)
    return not_an_image(path)


def _gzip_is_cut(path: str | Path) -> bool:
    try:
        with gzip.open(path, "rb") as file:
            while file.read(1 << 20):
                pass
    except EOFError:
        return True
    except (OSError, zlib.error):
        pass
    return False


def _has_known_header(path: str | Path) -> bool:
    """Whether the file begins like the kind that its suffix names, so that its end must be at fault."""
    opener = gzip.open if str(path).lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            start = file.read(348)
    except (OSError, EOFError, zlib.error):
        return False
    return start.startswith((b"NRRD", b"ObjectType", b"NDims")) or start[344:348] in (b"n+1\0", b"ni1\0")
