"""What a comparison leaves behind: two tables, a record, a picture, the rigid transform for ITK."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from bundle.common.files import replacing, write_json, write_text
from bundle.common.tables import exact, write_csv

from .comparison import BRANCH_COLUMNS, PLACE_COLUMNS, Comparison
from .picture import calibre_picture

__all__ = ["write_comparison"]

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def _itk_text(rigid: np.ndarray) -> str:
    """The transform file of ITK for a (4, 4) rigid matrix in RAS mm; what it takes and gives is LPS mm."""
    lps = _LPS @ rigid @ _LPS
    numbers = " ".join(f"{x:.12g}" for x in [*lps[:3, :3].ravel(), *lps[:3, 3]])
    return (
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n"
    )


def write_comparison(
    found: Comparison, out_dir: str | os.PathLike, names: tuple[str, str], more: dict | None = None
) -> dict:
    """Write a comparison into a folder, every file named `<first>_to_<second>`, and return its record.

    `_calibres.csv` (a row a place), `_branches.csv` (a row a branch), `_calibres.png`, `_rigid.tfm` (points
    of the first scan to those of the second, so that ITK and 3D Slicer lay the second scan on the first), and
    the record as `.json`, last.

    Args:
        found: see `compare_trees`.
        out_dir: is made where it is not there.
        names: of both scans.
        more: further fields of the record.
    """
    stem = f"{names[0]}_to_{names[1]}"
    base = Path(out_dir) / stem
    base.parent.mkdir(parents=True, exist_ok=True)
    files = {"calibres": f"{stem}_calibres.csv", "branches": f"{stem}_branches.csv",
             "picture": f"{stem}_calibres.png", "rigid": f"{stem}_rigid.tfm"}  # fmt: skip
    record = {"first": names[0], "second": names[1], "files": files} | (more or {}) | found.record()
    write_csv(f"{base}_calibres.csv", found.place_rows(), PLACE_COLUMNS, exact)
    write_csv(f"{base}_branches.csv", record["branches"], BRANCH_COLUMNS, exact)
    write_text(f"{base}_rigid.tfm", _itk_text(found.registration.rigid))
    with replacing(f"{base}_calibres.png") as path:
        calibre_picture(found, path, names)
    write_json(record, f"{base}.json")
    return record
