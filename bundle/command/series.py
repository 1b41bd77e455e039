"""List the series in DICOM folders, files and zips, and which of them `coronary segment` takes.

  coronary series DICOM
  coronary series export.zip --phase 40
  coronary series DICOM --json > series.json
  coronary series DICOM --show-headers    # with IDs, names, descriptions and paths

Without --show-headers nothing is shown that tells who a patient is: patients and studies have numbers, and
a series has the name that its case would have.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bundle.common.errors import InputError, RunFailed
from bundle.common.scratch import ScratchFolder

from .dicom_inputs import Phase, SeriesName

if TYPE_CHECKING:
    from bundle.dicom import Choice, Series

__all__ = ["list_dicom"]


def list_dicom(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT", exists=True, help="DICOM files, folders of them, zips")
    ],
    series: SeriesName = None,
    phase: Phase = None,
    as_json: Annotated[bool, typer.Option("--json", help="print a list for programs")] = False,
    show_headers: Annotated[
        bool,
        typer.Option("--show-headers", help="also PatientID, PatientName, SeriesDescription, UID and folder"),
    ] = False,
) -> None:
    """Print a line a series; nothing is written."""
    from bundle.common.tables import to_text
    from bundle.dicom import choose, list_series

    with ScratchFolder() as work:
        listing = list_series(inputs, work)
        choices = choose(listing, series, phase)
        rows = [row for choice in choices for row in _rows(choice, show_headers)]
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        print(to_text(rows, list(rows[0])))
    for fault in listing.faults:
        print(f"warning: {fault}", file=sys.stderr)
    if not rows and not listing.faults:
        raise InputError(
            "there is no DICOM image in what was given; give a folder, file or zip that holds one."
        )
    if not rows:
        raise RunFailed("; ".join(listing.faults))
    if listing.faults:
        raise typer.Exit(1)


def _rows(choice: Choice, show_headers: bool) -> list[dict[str, Any]]:
    why = {id(series): words for series, words in choice.others}
    everything = [*([choice.series] if choice.series else []), *(series for series, _ in choice.others)]
    return [_row(series, why.get(id(series)), show_headers) for series in everything]


def _row(series: Series, why_not: str | None, show_headers: bool) -> dict[str, Any]:
    row = {
        "patient": series.patient_number,
        "study": series.study_number,
        "series": series.number,
        "part": series.part,
        "name": series.case,
        "slices": len(series.slices),
        "slice_mm": series.thickness_mm,
        "length_mm": None if series.extent_mm is None else round(series.extent_mm, 1),
        "phase": series.phase,
        "contrast": "yes" if series.first.contrast else "not told",
        "taken": "yes" if why_not is None else "no",
        "why": "; ".join(filter(None, [why_not, *series.remarks])),
    }
    if show_headers:
        from bundle.dicom import identity_of

        row |= identity_of(series)
    return row
