"""Pages of finished cases: the tree in 3D, slices, measurements; and index.html, a row a case.

  coronary report results
  coronary report results --scans scans
  coronary report results --scans DICOM --scans export.zip

RESULTS is a folder of `coronary segment` or `coronary reconstruct`, with a folder a case. These commands make
the pages too; this one makes them again, of cases of an earlier version or after files were changed. Slices
and the CT along the vessels need the scans, which are found by the names of their cases: case 7 is 7.nii.gz,
and a DICOM series is that of the case which `coronary segment` called after it. A page that shows its scan is
kept where the scan is not given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from bundle.common.errors import InputError
from bundle.common.files import write_json
from bundle.common.scratch import ScratchFolder
from bundle.report import add_page, case_reports, has_slices, page_name, write_index

from .dicom_inputs import may_be_called, split_inputs
from .one_mask import ct_of

if TYPE_CHECKING:
    from bundle.dicom import Series

__all__ = ["report_results"]

Scan = Callable[[], tuple[np.ndarray, np.ndarray]]


def _scans_of(
    paths: list[Path], reports: Mapping[str, dict], work: Path
) -> tuple[dict[str, Scan], list[str]]:
    """Case to what reads its scan, and what could not be read at all, a sentence each.

    Args:
        work: a folder for what zips hold.
    """
    from bundle.data import find_images

    with_dicom, others = split_inputs(paths)
    items = find_images(others) if others else []
    found: dict[str, Scan] = {item["case"]: partial(ct_of, Path(item["image"])) for item in items}
    if not with_dicom:
        return found, []
    from bundle.dicom import list_series

    listing = list_series(with_dicom, work)
    for case in reports.keys() - found.keys():
        series = [one for one in listing if may_be_called(one, case)]
        if series:
            found[case] = partial(_of_series, series, reports[case])
    return found, listing.faults


def _of_series(series: Sequence[Series], report: dict) -> tuple[np.ndarray, np.ndarray]:
    """The CT of a case (X, Y, Z) int16 HU and its affine, out of the series that have its name.

    Raises:
        InputError: a series cannot be read, or of several not just one lies on the grid of the case.
    """
    from bundle.dicom import read_series

    volumes = [read_series(one) for one in series]
    if len(volumes) > 1:
        shape, affine = report["scan"]["shape"], report["scan"]["affine_ras_mm"]
        volumes = [
            volume
            for volume in volumes
            if list(volume.array.shape) == shape and np.allclose(volume.affine, affine, atol=1e-3)
        ]
    if len(volumes) != 1:
        raise InputError(
            f"{len(series)} series have its name; give --scans the folder of the right one alone"
        )
    return volumes[0].array, volumes[0].affine


def _make(results: Path, report: dict, scan: Scan | None) -> None:
    """The page of a case, and its name and size in the case's JSON, by which a rerun knows it as finished."""
    case = report["case"]
    folder = results / case
    add_page(folder, report, True, None if scan is None else scan())
    if "record" in report:
        size = (folder / page_name(case)).stat().st_size
        report["record"]["file_bytes"] = report["record"].get("file_bytes", {}) | {page_name(case): size}
    write_json(report, folder / f"{case}.json")


def report_results(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", exists=True, file_okay=False, help="folder of results")
    ],
    scans: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="scans, DICOM, zips, or folders of them; several times"),
    ] = None,
) -> None:
    """Make all pages of a folder; exit code 1 where one failed."""
    reports = case_reports(results)
    if not reports:
        name = results.resolve().name
        where = "give the folder above it" if (results / f"{name}.json").is_file() else "run segment first"
        raise InputError(
            f"{results}: no folder in it holds the report of a case, <case>/<case>.json; {where}"
        )
    with ScratchFolder() as work:  # what zips hold names patients
        found, faults = _scans_of(scans or [], reports, Path(work))
        failures = _make_all(results, reports, found, bool(scans))
    for fault in faults:
        print(f"warning: {fault}", file=sys.stderr)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if failures or faults:
        raise typer.Exit(1)


def _make_all(
    results: Path, reports: Mapping[str, dict], found: Mapping[str, Scan], are_given: bool
) -> list[str]:
    """Make the pages and the index, and print what was made; the failures, a sentence each."""
    failures, without, kept = [], [], []
    for case, report in reports.items():
        if case not in found and has_slices(results / case, case):
            kept.append(case)
            continue
        try:
            _make(results, report, found.get(case))
        except (ValueError, KeyError, OSError) as error:
            failures.append(f"case '{case}': {error}")
            continue
        if not (case in found or report["empty"]):
            without.append(case)
    index = write_index(results, reports)
    made = len(reports) - len(failures) - len(kept)
    print(f"{made} {'page' if made == 1 else 'pages'}, and {index}")
    if kept:
        cases = "1 page is" if len(kept) == 1 else f"{len(kept)} pages are"
        names = f"{', '.join(kept[:5])}{'…' if kept[5:] else ''}"
        print(f"  note: {cases} kept as they were, for their scans were not given (--scans): {names}")
    if without:
        cases = "1 page has" if len(without) == 1 else f"{len(without)} pages have"
        missing = "no scan of that name was found" if are_given else "--scans gives them"
        print(f"  note: {cases} no slices ({missing}): {', '.join(without[:5])}{'…' if without[5:] else ''}")
    return failures
