"""The text headers of NRRD and MetaImage, parsed strictly before ITK sees the file.

ITK is C++: a header that contradicts itself can end the process, and take a whole cohort with it. What comes
past these functions says each thing in numbers that are finite, about data that are there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bundle.common.errors import InputError

__all__ = ["file_beside", "floats", "integers", "lines_of", "rank_of", "unusable", "vectors"]

_MOST_BYTES = 1 << 20
_PRINTABLE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def unusable(path: Path, what: str) -> InputError:
    return InputError(f"'{path}' has a header that cannot be used, with {what}: write the file again")


def lines_of(path: Path, file: BinaryIO) -> Iterator[str]:
    """The lines of a header without their ends; each must be UTF-8 without control characters."""
    left = _MOST_BYTES
    while line := file.readline(left):
        left -= len(line)
        if left == 0:
            raise unusable(path, "a header of more than a megabyte")
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        try:
            text = line.decode("utf-8") if _PRINTABLE.fullmatch(line) else None
        except UnicodeDecodeError:
            text = None
        if text is None:
            raise unusable(path, "characters that are no text")
        yield text


def integers(path: Path, key: str, text: str, count: int) -> tuple[int, ...]:
    words = text.split()
    if len(words) != count or not all(re.fullmatch(r"[0-9]{1,18}", word) for word in words):
        raise unusable(path, f"{key} '{text[:40]}'")
    return tuple(map(int, words))


def rank_of(path: Path, key: str, text: str) -> int:
    """The number of axes."""
    rank = integers(path, key, text, 1)[0]
    if not 1 <= rank <= 5:
        raise InputError(f"'{path}' is {rank}-D: expected a 3-D volume")
    return rank


def floats(path: Path, key: str, words: list[str], count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(map(float, words))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise unusable(path, f"{key} '{' '.join(words)[:40]}'")
    return numbers


def vectors(path: Path, key: str, text: str, count: int) -> list[tuple[float, ...]]:
    """``(1,0,0) none (0,1,0)``, or plain numbers; NaN and "none", for an axis that has none, give (NaN,)."""
    entries = re.findall(r"\([^()]*\)|[^\s()]+", text)
    if len(entries) != count:
        raise unusable(path, f"{key} '{text[:40]}'")
    split = [entry.strip("()").split(",") if entry.startswith("(") else [entry] for entry in entries]
    return [
        (math.nan,) if words[0].lower() in ("none", "nan") and len(words) == 1
        else floats(path, key, words, len(words))
        for words in split
    ]  # fmt: skip


def file_beside(path: Path, name: str) -> Path:
    """The data file that a header names: one file in the header's own folder, and no other."""
    data = path.parent / name
    if not name or Path(name).name != name or name.upper().startswith("LIST") or "%" in name:
        raise unusable(path, f"'{name[:40]}' as the file of its data, which must be one file beside it")
    if not data.is_file():
        raise InputError(f"'{path}' has its data in '{data}', which does not exist: copy both files")
    return data
