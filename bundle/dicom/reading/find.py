"""DICOM files among what a person gives: files, folders, zips."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bundle.common.errors import RunFailed
from bundle.common.filenames import split_suffix

from .archives import holds_dicom_files, is_zip, unpack
from .read_header import is_dicom

__all__ = ["find_files", "holds_dicom"]

_MAX_DEPTH = 12


def holds_dicom(path: str | Path) -> bool:
    """Whether a path is a zip or a DICOM file, or a folder that holds one, or a zip of them, at any depth."""
    path = Path(path)
    if not path.is_dir():
        return is_zip(path) or (not split_suffix(path)[1] and is_dicom(path))
    return any(holds_dicom_files(file) if is_zip(file) else is_dicom(file) for file in _files_below(path))


def find_files(paths: Sequence[str | Path], work: Path) -> tuple[list[Path], list[str]]:
    """Every file that may be DICOM, each once; those of zips unpacked.

    Args:
        paths: files, folders, zips.
        work: a folder for what zips hold, which must stay as long as the files are used.

    Returns:
        The files, and a sentence for each zip that cannot be unpacked, see `unpack`.
    """
    files, faults, zips, seen = [], [], 0, set()
    for number, given in enumerate(paths, 1):
        for file in _files_below(Path(given)):
            try:
                about = os.stat(file)
            except OSError:  # a link that leads nowhere
                continue
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
            if is_zip(file):
                zips += 1
                try:
                    files += unpack(file, work / f"zip{zips}", f"zip {zips} (in input {number})")
                except RunFailed as error:
                    faults.append(str(error))
            else:
                files.append(file)
    return files, faults


def _files_below(path: Path) -> Iterator[Path]:
    """The visible files that no other reader is for, in the order of their names."""
    if not path.is_dir():
        yield path
        return
    visited: set[str] = set()
    for folder, subfolders, files in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        depth = len(Path(folder).relative_to(path).parts)
        if real in visited or depth > _MAX_DEPTH:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name != "__MACOSX")
        for name in sorted(files):
            if not name.startswith(".") and not split_suffix(name)[1]:
                yield Path(folder) / name
