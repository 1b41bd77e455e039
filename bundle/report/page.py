"""The page of a case, `<case>.html`, from the case's own files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bundle.common.errors import InputError
from bundle.common.files import write_text
from bundle.geometry.core import Branch
from bundle.geometry.io import read_branches

from .along import packed_branches, packed_cuts
from .html import LARGEST_BYTES, as_script_text, filled
from .plain import told
from .surface import find_surface, packed_surface, thinned
from .thumbnail import thumbnail
from .volume import packed_volume, shown_share

__all__ = ["add_page", "page_name", "remove_page", "write_page"]

SCRIPTS = (
    "three.min.js", "common.js", "colours.js", "marks.js", "view3d.js", "slices.js", "along.js", "tables.js",
    "page.js",
)  # fmt: skip
STYLES = ("common.css", "page.css")
_SPARE_BYTES = 60_000
_MOST_CUTS = 1_200_000  # bytes for the CT along branches


def page_name(case: str) -> str:
    """The name of a case's page."""
    return f"{case}.html"


def remove_page(folder: str | os.PathLike, case: str) -> None:
    """Delete the page that an earlier run made of a case."""
    (Path(folder) / page_name(case)).unlink(missing_ok=True)


def add_page(
    folder: str | os.PathLike,
    report: dict[str, Any],
    wanted: bool,
    ct: tuple[np.ndarray, np.ndarray] | None = None,
    mask: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """The page of a case that has just been made; unless it is `wanted`, that of an earlier run goes.

    `report` gets its name among `files` and its time among `seconds`.
    """
    if not wanted:
        remove_page(folder, str(report["case"]))
        return
    start = time.perf_counter()
    report["files"]["page"] = write_page(folder, report, ct, mask)
    report["seconds"]["page"] = round(time.perf_counter() - start, 3)


def has_slices(folder: str | os.PathLike, case: str) -> bool:
    """Whether a case has a page that shows its scan."""
    path = Path(folder) / page_name(case)
    return path.is_file() and b'"cuts":' in path.read_bytes()


def write_page(
    folder: str | os.PathLike,
    report: Mapping[str, Any],
    ct: tuple[np.ndarray, np.ndarray] | None = None,
    mask: tuple[np.ndarray, np.ndarray] | None = None,
) -> str:
    """Write `<case>.html` into the folder of a case: one file, at most `LARGEST_BYTES`, without network.

    Mesh and tree are read from the files that `report["files"]` names, so that the page shows what they hold.

    Args:
        folder: of the case.
        report: what `<case>.json` holds, see `bundle.geometry.case.export_case`. Of paths in it the page
            keeps the names of the files.
        ct: the scan, or its part about the vessels, (X, Y, Z) HU on any grid, and its (4, 4) RAS affine: for
            the slices and the views along branches, which a page without it lacks.
        mask: (X, Y, Z) and its RAS affine, for a case without a mesh on the disk.

    Returns:
        The name of the file.

    Raises:
        InputError: the CT shows less than half of the vessels; mesh or centreline cannot be read, or are not
            those that the report tells of.
        ValueError: a singular affine.
    """
    folder, case, files = Path(folder), str(report["case"]), report.get("files", {})
    data: dict[str, Any] = {"report": told(report), "volumes": _volumes(folder, case)}
    mesh = None if report["empty"] else find_surface(folder, files, mask)
    branches = _branches(folder, report)
    if branches:
        data["branches"] = packed_branches(branches)
    icon = ""
    if mesh is not None:
        small = thinned(mesh)
        data["surface"] = packed_surface(mesh, small, branches)
        icon = thumbnail(small)
    if ct is not None and mesh is not None:
        points = np.asarray(small.points)
        share = shown_share(points, *ct)
        if share < 0.5:
            raise InputError(
                f"the CT shows {100 * share:.0f} % of the vessels of '{case}'; give the one that its mask "
                "was made of"
            )
        data["cuts"] = packed_cuts(*ct, branches, _MOST_CUTS)
        bounds = np.stack([points.min(axis=0), points.max(axis=0)])
        rest = LARGEST_BYTES - _SPARE_BYTES - len(as_script_text(data)) - _frame_bytes()
        data["volume"] = packed_volume(*ct, bounds, rest)
        if data["volume"] is None:
            data["report"]["warnings"].append("the page shows no slices: beside its vessels there is no room")
    title = f"{case} · coronary arteries"
    write_text(folder / page_name(case), filled("page.html", title, STYLES, SCRIPTS, data, icon))
    return page_name(case)


def _branches(folder: Path, report: Mapping[str, Any]) -> list[Branch]:
    """The branches of a case (RAS mm), none where it has no centreline."""
    name = report.get("files", {}).get("centerline")
    if name is None:
        return []
    branches = read_branches(folder / name) if (folder / name).is_file() else []
    if [branch.name for branch in branches] != [row["name"] for row in report["branches"]]:
        raise InputError(f"'{name}' does not hold the branches that the case's report lists; run it again")
    return branches


def _volumes(folder: Path, case: str) -> dict[str, str]:
    """Role to name of the volumes that a run wrote beside the files of the geometry."""
    names = {"mask": f"{case}_seg.nii.gz", "probability": f"{case}_prob.nii.gz"}
    return {role: name for role, name in names.items() if (folder / name).is_file()}


def _frame_bytes() -> int:
    """What a page takes without its data."""
    return len(filled("page.html", "", STYLES, SCRIPTS, {}).encode())
