"""Pages of finished cases: the tree in 3D, slices, measurements; and index.html, a row a case.

  coronary report results
  coronary report results --scans scans

RESULTS is a folder of `coronary segment` or `coronary reconstruct`, with a folder a case. These commands make
the pages too; this one makes them again, of cases of an earlier version or after files were changed. Slices
and the CT along the vessels need the scans, which are found by the names of their cases: case 7 is 7.nii.gz.
A page that shows its scan is kept where the scan is not given.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bundle.common.errors import InputError
from bundle.common.files import write_json
from bundle.report import add_page, case_reports, has_slices, page_name, write_index

from .one_mask import ct_of

__all__ = ["report_results"]


def _scans_of(paths: list[Path]) -> dict[str, str]:
    """Case to the file of its scan."""
    from bundle.data import find_images

    return {item["case"]: item["image"] for item in find_images(paths)} if paths else {}


def _make(results: Path, report: dict, scan: str | None) -> None:
    """The page of a case, and its name and size in the case's JSON, by which a rerun knows it as finished."""
    case = report["case"]
    folder = results / case
    add_page(folder, report, True, None if scan is None else ct_of(Path(scan)))
    if "record" in report:
        size = (folder / page_name(case)).stat().st_size
        report["record"]["file_bytes"] = report["record"].get("file_bytes", {}) | {page_name(case): size}
    write_json(report, folder / f"{case}.json")


def report_results(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", exists=True, file_okay=False, help="folder of results")
    ],
    scans: Annotated[
        list[Path] | None, typer.Option(exists=True, help="scans, or folders of scans; several times")
    ] = None,
) -> None:
    """Make all pages of a folder; exit code 1 where one failed."""
    reports, found = case_reports(results), _scans_of(scans or [])
    if not reports:
        name = results.resolve().name
        where = "give the folder above it" if (results / f"{name}.json").is_file() else "run segment first"
        raise InputError(
            f"{results}: no folder in it holds the report of a case, <case>/<case>.json; {where}"
        )
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
        missing = "no scan of that name was found" if scans else "--scans gives them"
        print(f"  note: {cases} no slices ({missing}): {', '.join(without[:5])}{'…' if without[5:] else ''}")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if failures:
        raise typer.Exit(1)
