"""Plain image/label pairs.

``images/x.nii.gz`` with ``labels/x.nii.gz``, ``x.nii.gz`` with ``x_label.nii.gz``, or ``x/ct.nii.gz`` with
``x/seg.nii.gz``. Folders called train, validation or test above them are a split that is kept.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from bundle.common.errors import InputError
from bundle.common.filenames import case_name, file_role, split_suffix
from bundle.data.readers import is_eight_bit

from .case_index import CaseIndex, first_few

__all__ = ["read_pairs"]

_PREFIX = r"(?:(?:images?|imgs?|labels?|masks?|segs?|annotations?)[_-]?)?"
_PART_FOLDERS = {
    "train": re.compile(_PREFIX + r"(?:tr|train|training)", re.IGNORECASE),
    "validation": re.compile(_PREFIX + r"(?:va|val|valid|validation)", re.IGNORECASE),
    "test": re.compile(_PREFIX + r"(?:ts|te|test|testing)", re.IGNORECASE),
}


def read_pairs(root: Path, files: list[Path]) -> CaseIndex | None:
    """The images and the labels below ``root``, or None where there is no image.

    A file whose name says neither image nor label is an image, unless its voxels are 8-bit: those cannot
    hold Hounsfield units, so it is another structure's mask and is left out with a warning.
    """
    index = CaseIndex("image/label pairs")
    parts: dict[str, str] = {}
    masks: list[str] = []
    for file in files:
        role = file_role(file)
        if not split_suffix(file)[1] or role == "map":
            continue
        if role is None and is_eight_bit(root / file):
            masks.append(str(file))
            continue
        case = case_name(root / file)
        add = index.add_label if role == "label" else index.add_image
        add(case, root / file)
        part = _part(file)
        if part is not None and parts.setdefault(case, part) != part:
            raise InputError(
                f"case '{case}' is in two parts, {parts[case]} and {part} ('{root / file}'): keep it in one"
            )
    if masks:
        warnings.warn(f"'{root}': {len(masks)} 8-bit masks are not images: {first_few(masks)}", stacklevel=2)
    if not index.images:
        return None
    outside = [case for case in {**index.images, **index.labels} if case not in parts]
    if parts and outside:
        raise InputError(
            f"'{root}' has train, validation or test folders, but cases {first_few(outside)} lie in none of "
            "them: move them into one"
        )
    index.assign = lambda split: parts
    return index


def _part(file: Path) -> str | None:
    for folder in file.parts[:-1]:
        for part, pattern in _PART_FOLDERS.items():
            if pattern.fullmatch(folder):
                return part
    return None
