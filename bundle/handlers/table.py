"""Tables that a run leaves behind: one file, whole or not at all, and the same in the terminal."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bundle.geometry.write import replacing


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` to a hidden file beside ``path``, then rename it: a kill leaves no half file."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def cell(value: Any) -> str:
    """``value`` for a person and for a spreadsheet: four digits, nothing for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as CSV with a header; a column that a row lacks stays empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row.get(column)) for column in columns] for row in rows)
    return out.getvalue()


def to_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as lines of aligned columns under a header, for a terminal."""
    cells = [list(columns)] + [[cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(text.ljust(w) for text, w in zip(line, widths)).rstrip() for line in cells)
