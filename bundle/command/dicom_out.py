"""The DICOM objects of a finished case, for the commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bundle.common.errors import RunFailed
from bundle.dicom import Volume

__all__ = ["write_all_objects", "write_objects"]


def write_all_objects(out: Path, volumes: Mapping[str, Volume]) -> None:
    """`write_objects` of every case; what is newer than its case's report is kept.

    Raises:
        RunFailed: of some cases the objects could not be made, after those of all others.
    """
    failures = []
    for case, volume in volumes.items():
        report, *made = (out / case / f"{case}{end}" for end in (".json", "_seg.dcm", "_sr.dcm"))
        if all(path.is_file() and path.stat().st_mtime_ns >= report.stat().st_mtime_ns for path in made):
            continue
        try:
            write_objects(out, case, volume)
        except RunFailed as error:
            failures.append(str(error))
    if failures:
        raise RunFailed(f"the DICOM objects of {len(failures)} of {len(volumes)} cases failed: {failures[0]}")


def write_objects(out: Path, case: str, volume: Volume) -> list[Path]:
    """Write the DICOM objects of a case beside its other files, once the run that made it has ended.

    Args:
        out: folder of the results, in which the case has a folder of its name.
        volume: the series that the case came from; its array may be empty.

    Returns:
        The files; none of a case in which nothing was found, or that failed: the run has said so.

    Raises:
        RunFailed: as `write_dicom`; other cases are not touched.
    """
    from bundle.dicom import write_dicom  # brings highdicom and VTK

    report = out / case / f"{case}.json"
    if not report.is_file():
        return []
    try:
        empty = json.loads(report.read_text(encoding="utf-8"))["empty"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFailed(f"case '{case}': {report.name} cannot be read; run the case again") from error
    return [] if empty else write_dicom(volume, out / case, case)
