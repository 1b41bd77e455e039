"""The image files below a folder, and a few words about a folder that has none."""

from __future__ import annotations

import os
from pathlib import Path

from bundle.common.filenames import natural_key, split_suffix

__all__ = ["describe_files", "list_files"]

_MAX_DEPTH = 4  # no layout is deeper; "/" given by mistake ends soon


def list_files(root: Path) -> list[Path]:
    """Every visible file below ``root``, relative to it, in natural order (2 before 10).

    Linked folders are followed, once each; hidden files and folders (``.DS_Store``, ``._3.img.nii.gz``)
    are left out.
    """
    found: list[Path] = []
    visited: set[str] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        here = Path(folder).relative_to(root)
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        # macOS archives carry a shadow of every file in __MACOSX.
        subfolders[:] = sorted(f for f in subfolders if not f.startswith(".") and f != "__MACOSX")
        if len(here.parts) >= _MAX_DEPTH:
            subfolders.clear()
        found.extend(here / f for f in files if not f.startswith("."))
    return sorted(found, key=lambda path: [natural_key(part) for part in path.parts])


def describe_files(files: list[Path]) -> str:
    """What a person would see in the folder: ``nothing``, or ``7 files such as 'notes.txt'``."""
    if not files:
        return "nothing"
    images = [f for f in files if split_suffix(f)[1]]
    if images:
        return f"{_count(images, 'image file')} such as '{images[0]}'"
    return f"{_count(files, 'file')} such as '{files[0]}'"


def _count(files: list[Path], noun: str) -> str:
    return f"{len(files)} {noun}{'s' if len(files) > 1 else ''}"
