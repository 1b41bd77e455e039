"""Tables that a run leaves behind: a CSV file, and the same in the terminal."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bundle.common.files import write_text

__all__ = ["cell", "exact", "to_text", "write_csv"]


def cell(value: Any) -> str:
    """``value`` for a person and for a spreadsheet: four digits, nothing for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def exact(value: Any) -> str:
    """``value`` to its last digit, nothing for None."""
    return "" if value is None else str(value)


def write_csv(
    path: str | os.PathLike,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    form: Callable[[Any], str] = cell,
) -> None:
    """Rows under a header, in a file that appears whole or not at all; what a row lacks stays empty.

    ``form`` is `cell` or `exact`.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([form(row.get(column)) for column in columns] for row in rows)
    write_text(path, out.getvalue())


def to_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as lines of aligned columns under a header, for a terminal."""
    cells = [list(columns)] + [[cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(text.ljust(w) for text, w in zip(line, widths)).rstrip() for line in cells)
