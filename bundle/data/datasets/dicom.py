"""DICOM, which the configs do not read: what to do with it instead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bundle.common.errors import InputError

__all__ = ["refuse_dicom"]

_LOOKED_AT = 20  # files whose beginning is read


def refuse_dicom(root: Path, files: Sequence[Path]) -> None:
    """Say how to convert, where files are DICOM by their ending or by their first bytes.

    Args:
        root: what the person gave: a folder, or a file.
        files: below it, or the file itself.

    Raises:
        InputError: one of the files is DICOM.
    """
    for file in files[:_LOOKED_AT]:
        if file.suffix.lower() in (".dcm", ".ima") or _has_magic(file):
            folder = root if root.is_dir() else root.parent
            raise InputError(
                f"'{root}' is DICOM, which only `coronary segment` reads as it is; else convert the series "
                f"first with dcm2niix -z y -o SCANS '{folder}' and give SCANS as dataset_dir"
            )


def _has_magic(file: Path) -> bool:
    try:
        with open(file, "rb") as opened:
            return opened.read(132)[128:] == b"DICM"
    except OSError:
        return False
