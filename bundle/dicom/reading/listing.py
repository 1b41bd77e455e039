"""What lies in files, folders and zips: their series, and what could not be read."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bundle.common.scratch import ScratchFolder

from ..quiet import quiet
from .find import find_files
from .group import group
from .read_header import headers_of, is_dicom
from .series import Series
from .slice_header import SliceHeader

__all__ = ["Listing", "list_series"]

_ALONE = 1500  # files that one process reads sooner than others start
_SHARE = 250


_UNPACKED: list[ScratchFolder] = []  # until the program ends


class Listing(list[Series]):
    """Series in the order of patients, studies and series numbers.

    Attributes:
        faults: what could not be read, a sentence each.
    """

    def __init__(self, series: Sequence[Series] = (), faults: Sequence[str] = ()) -> None:
        super().__init__(series)
        self.faults = list(faults)


def list_series(paths: Sequence[str | Path], work: str | Path | None = None) -> Listing:
    """The DICOM series in files, folders and zips, from their headers alone.

        for series in list_series(["export.zip"]):
            print(series.label, len(series.slices))

    A file is DICOM by what it holds, whatever its name. A DICOMDIR is left out: what it lists is looked for
    on the disk. Many files are read by several processes (`multiprocessing`'s "spawn", so a script of yours
    that calls this needs ``if __name__ == "__main__"``).

    Args:
        paths: files, folders and zips, walked to a depth of 12; hidden files are left out.
        work: a folder for what zips hold, to which the series refer; None makes one that is there until the
            program ends.
    """
    if work is None:
        _UNPACKED.append(ScratchFolder())
        work = _UNPACKED[-1].name
    files, faults = find_files(paths, Path(work))
    if len(files) <= _ALONE:
        read = _read(files)
    else:
        shares = [files[start : start + _SHARE] for start in range(0, len(files), _SHARE)]
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(os.cpu_count() or 1, len(shares)), mp_context=spawn) as pool:
            read = [found for share in pool.map(_read, shares) for found in share]
    unreadable = sum(found is None for found in read)
    if unreadable:
        count = "1 DICOM file has a header" if unreadable == 1 else f"{unreadable} DICOM files have headers"
        faults.append(f"{count} that cannot be read: cut short, or still being copied; copy again")
    headers = [header for found in read if found is not None for header in found]
    return Listing(group(headers), faults)


def _read(files: Sequence[Path]) -> list[list[SliceHeader] | None]:
    """The headers of each file, none of what is no DICOM; None where they cannot be read."""
    with quiet():
        return [headers_of(file) if is_dicom(file) else [] for file in files]
