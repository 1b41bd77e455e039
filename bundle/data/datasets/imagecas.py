"""ImageCAS: 1000 coronary CTAs with lumen labels (Zeng et al., CMIG 109, 2023), in both of its layouts.

``<range>/<N>.img.nii.gz`` with ``<N>.label.nii.gz`` (Kaggle), or ``<id>/img.nii.gz`` with
``<id>/label.nii.gz`` (older copies); the split is an .xlsx beside them.
"""

from __future__ import annotations

import re
import warnings
from functools import partial
from pathlib import Path

from bundle.common.errors import InputError
from bundle.common.filenames import case_name, file_role, is_duplicate, split_suffix

from .case_index import CaseIndex, first_few
from .imagecas_split import has_file_names, read_split_file

__all__ = ["read_imagecas"]

_STEM = re.compile(r"(?:.+\.)?(?P<kind>img|label)", re.IGNORECASE)


def read_imagecas(root: Path, files: list[Path]) -> CaseIndex | None:
    """The images, labels and split of an ImageCAS folder, or None where the folder is none.

    Folders and files that a download named ``(1)`` are ignored with a warning.
    """
    kinds = {f: match["kind"].lower() for f in files if (match := _STEM.fullmatch(_stem(f)))}
    if "img" not in kinds.values():
        return None
    if "label" not in kinds.values() and any(_stem(f) and file_role(f) == "label" for f in files):
        return None  # plain pairs such as x/img.nii.gz with x/seg.nii.gz
    dropped = [str(f) for f in kinds if is_duplicate(f)]
    if dropped:
        warnings.warn(f"'{root}': {len(dropped)} duplicates ignored: {first_few(dropped)}", stacklevel=2)
    index = CaseIndex("ImageCAS", complete=True)
    for file, kind in kinds.items():
        if not is_duplicate(file):
            add = index.add_image if kind == "img" else index.add_label
            add(case_name(root / file), root / file)
    if not index.images:
        raise InputError(f"'{root}' holds only duplicates such as '{dropped[0]}': expected the originals")
    index.assign = partial(_assign, root, files, index)
    return index


def _stem(file: Path) -> str:
    """The file's name without its suffix; "" where it is no image file."""
    stem, suffix = split_suffix(file)
    return stem if suffix else ""


def _split_file(root: Path, files: list[Path]) -> Path | None:
    """The split file below ``root``, or else the one beside it, or None.

    ``root`` may be one range of the whole set, such as ``ImageCAS/1-200``. Its test cases are test cases
    still: drawing a split of its own could put them into training.
    """
    books = [root / f for f in files if _is_book(f) and not is_duplicate(f)]
    if not books:
        # The folder above: of the path as it was given, and where a link leads.
        above = {path.parent for path in (root.absolute(), root.resolve())}
        beside = {book.resolve() for folder in above for book in folder.glob("*") if _is_book(book)}
        books = [b for b in sorted(beside) if not is_duplicate(b.name) and has_file_names(b)]
    if len(books) > 1:
        raise InputError(
            f"'{root}' has {len(books)} split files, {first_few(list(map(str, books)))}: keep the one to use"
        )
    return books[0] if books else None


def _is_book(file: Path) -> bool:
    # Excel leaves "~$name.xlsx" beside a file that is open.
    return file.suffix.lower() == ".xlsx" and not file.name.startswith(("~$", "."))


def _assign(root: Path, files: list[Path], index: CaseIndex, split: str) -> dict[str, str]:
    """The parts of the cases on disk by the split file; a warning names the cases that differ."""
    path = _split_file(root, files)
    if path is None:
        warnings.warn(f"'{root}' has no split file (.xlsx): a split is drawn from the seed", stacklevel=2)
        return {}
    parts = read_split_file(path, split)
    on_disk = {**index.images, **index.labels}
    absent = [name for name in parts if name not in on_disk]
    unnamed = [name for name in on_disk if name not in parts]
    if len(absent) == len(parts):
        raise InputError(
            f"none of the {len(parts)} cases in '{path}' is on disk in '{root}', which has "
            f"{first_few(unnamed)}"
        )
    if absent:
        warnings.warn(
            f"{len(absent)} of the {len(parts)} cases in '{path}' are not on disk: {first_few(absent)}",
            stacklevel=2,
        )
    if unnamed:
        warnings.warn(
            f"{len(unnamed)} cases on disk are not in '{path}' and are left out: {first_few(unnamed)}",
            stacklevel=2,
        )
    return {name: part for name, part in parts.items() if name in on_disk}
