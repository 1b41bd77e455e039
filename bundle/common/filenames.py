"""What a file's name says: which case it belongs to, and whether it is an image or a label."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["SUFFIXES", "case_name", "file_role", "is_duplicate", "is_url", "natural_key", "split_suffix"]

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")

_LABEL_WORD = r"labels?|masks?|seg(?:mentation)?s?|annotations?|gt"
_MAP_WORD = r"prob(?:ability)?"
_IMAGE_WORD = r"img|image"
# A file called only "ct.nii.gz" belongs to the case that its folder names; "heart_ct" is a case name.
_BARE_WORD = rf"{_LABEL_WORD}|{_MAP_WORD}|{_IMAGE_WORD}|ct|cta|ccta|ctca|scan|volume"

_ENDS_IN_WORD = re.compile(rf"(?P<case>.+)[._-](?:{_LABEL_WORD}|{_MAP_WORD}|{_IMAGE_WORD})", re.IGNORECASE)
_ONLY_A_WORD = re.compile(_BARE_WORD, re.IGNORECASE)
_LABEL_STEM = re.compile(rf"(?:.+[._-])?(?:{_LABEL_WORD})", re.IGNORECASE)
_MAP_STEM = re.compile(rf"(?:.+[._-])?(?:{_MAP_WORD})", re.IGNORECASE)
_IMAGE_STEM = re.compile(rf"(?:.+[._-])?(?:{_IMAGE_WORD})", re.IGNORECASE)
_LABEL_FOLDER = re.compile(rf"(?:{_LABEL_WORD})[_-]?(?:tr|ts|va|val|train|test)?", re.IGNORECASE)
_IMAGE_FOLDER = re.compile(r"(?:images?|imgs?|ctca)[_-]?(?:tr|ts|va|val|train|test)?", re.IGNORECASE)
_DUPLICATE = re.compile(r"\(\d+\)(?:\.|$)")


def split_suffix(path: str | Path) -> tuple[str, str]:
    """``"a/3.img.NII.GZ"`` to ``("3.img", ".nii.gz")``; the suffix is "" where no reader knows it."""
    name = Path(path).name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    return name, ""


def case_name(path: str | Path) -> str:
    """The case that an image or label file belongs to.

    ``1-200/3.img.nii.gz`` is "3", ``17/img.nii.gz`` is "17", ``a/b_0001.nrrd`` is "b_0001" and
    ``b_0001_seg.nrrd`` is "b_0001".
    """
    stem, _ = split_suffix(path)
    if _ONLY_A_WORD.fullmatch(stem):
        return Path(path).absolute().parent.name or stem
    match = _ENDS_IN_WORD.fullmatch(stem)
    return match["case"] if match else stem


def file_role(relative_path: str | Path) -> str | None:
    """ "image", "label" or "map" (a probability map, neither) where a name says so, else None.

    The names are those of the file and of the folders above it: give the path below the data set's folder.
    """
    stem, _ = split_suffix(relative_path)
    folders = Path(relative_path).parts[:-1]
    if _MAP_STEM.fullmatch(stem):
        return "map"
    if _LABEL_STEM.fullmatch(stem) or any(_LABEL_FOLDER.fullmatch(f) for f in folders):
        return "label"
    if _IMAGE_STEM.fullmatch(stem) or any(_IMAGE_FOLDER.fullmatch(f) for f in folders):
        return "image"
    return None


def is_duplicate(relative_path: str | Path) -> bool:
    """True for what a download or an archive named ``(1)``: ``1-200(1)/3.img.nii.gz``."""
    return any(_DUPLICATE.search(part) for part in Path(relative_path).parts)


def is_url(path: object) -> bool:
    """True for ``s3://bucket/a``, not for ``a/b`` and ``C:\\a``."""
    return "://" in str(path)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts "2" before "10"."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pieces]
