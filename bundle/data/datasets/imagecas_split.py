"""The split file of ImageCAS: an .xlsx with a title row, then ``FileName, Split-1 ... Split-4``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree.ElementTree import ParseError

from bundle.common.errors import InputError

__all__ = ["has_file_names", "read_split_file"]

_PART_OF = {
    "training": "train", "train": "train",
    "val": "validation", "validation": "validation",
    "testing": "test", "test": "test",
}  # fmt: skip
_HEADER_ROWS = 10  # the header is looked for in the first rows: a title stands above it


def read_split_file(path: Path, split: str) -> dict[str, str]:
    """The part ("train", "validation", "test") of each case in the column ``split``.

    Raises:
        InputError: not an .xlsx, no ``FileName`` row, no such column (the message names those there are), a
            value that is no part, or a case in two parts.
    """
    rows = _read_rows(path)
    at = _header_row(rows)
    if at is None:
        raise InputError(f"'{path}' is no ImageCAS split: none of its first rows has a 'FileName' column")
    header = rows[at]
    columns = [c for c in header if c and c.lower() != "filename"]
    if split not in columns:
        raise InputError(f"'{path}' has no column '{split}': it has {', '.join(columns) or 'none'}")
    name_column = [c.lower() for c in header].index("filename")
    part_column = header.index(split)

    parts: dict[str, str] = {}
    for number, row in enumerate(rows[at + 1 :], start=at + 2):
        name, value = row[name_column], row[part_column]
        if not name:
            continue
        part = _PART_OF.get(value.lower())
        if part is None:
            raise InputError(
                f"'{path}' row {number}: case '{name}' has '{value}' in '{split}', "
                "expected Training, Val or Testing"
            )
        if parts.setdefault(name, part) != part:
            raise InputError(
                f"'{path}' row {number}: case '{name}' is in two parts, {parts[name]} and {part}"
            )
    return parts


def has_file_names(path: Path) -> bool:
    """Whether an .xlsx has a ``FileName`` row, so is a split and not some other table.

    Raises:
        InputError: not an .xlsx that can be read.
    """
    return _header_row(_read_rows(path)) is not None


def _header_row(rows: list[list[str]]) -> int | None:
    return next((i for i, row in enumerate(rows[:_HEADER_ROWS]) if "filename" in map(str.lower, row)), None)


def _read_rows(path: Path) -> list[list[str]]:
    """The first sheet as text; Excel's 3.0 for case 3 becomes "3"."""
    import openpyxl  # here, as most runs read no split
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError, ParseError) as error:
        raise InputError(f"'{path}' is not an Excel file that can be read: copy the split again") from error
    try:
        rows = [[_text(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
