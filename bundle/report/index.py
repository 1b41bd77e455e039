"""The page of a folder of results, `index.html`: a row a case."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bundle.common.files import plain_values, write_text

from .html import filled
from .page import page_name
from .plain import without_folders

__all__ = ["HEAD_BYTES", "INDEX", "SUMMARY", "case_reports", "write_index"]

INDEX = "index.html"
SUMMARY = "summary.csv"
HEAD_BYTES = 16_384  # of a page, within which its icon stands
_ICON = re.compile(rb'<link rel="icon" href="(data:image/webp;base64,[A-Za-z0-9+/=]+)">')


def case_reports(results: str | os.PathLike) -> dict[str, dict[str, Any]]:
    """What `<results>/<case>/<case>.json` says, of every case that has one, by case."""
    found = {}
    for path in sorted(Path(results).glob("*/*.json")):
        if path.stem != path.parent.name:
            continue
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # half a file of another program: no case of ours
        if isinstance(report, dict) and "files" in report and report.get("case") == path.stem:
            found[path.stem] = report
    return found


def write_index(
    results: str | os.PathLike, reports: Mapping[str, Mapping[str, Any]] | None = None
) -> Path | None:
    """Write `index.html` into a folder of results: a row a case, the failed ones of `summary.csv` too.

    Args:
        results: folder with a folder a case.
        reports: those of `case_reports`, where they are known.

    Returns:
        The file; None where there is neither a finished nor a failed case, and no file.
    """
    results = Path(results)
    reports = case_reports(results) if reports is None else reports
    rows = {case: _row(results, case, report) for case, report in reports.items()}
    for row in _summary(results):
        if row.get("status") == "failed":
            reason = without_folders(row.get("reason") or "")
            rows[row["case"]] = rows.get(row["case"], {"case": row["case"]})
            rows[row["case"]] |= {"status": "failed", "reason": reason}
    if not rows:
        return None
    title = f"{results.resolve().name} · coronary arteries"
    data = {
        "name": results.resolve().name,
        "rows": plain_values(list(rows.values())),
        "summary": (results / SUMMARY).is_file(),
    }
    text = filled("index.html", title, ("common.css", "index.css"), ("common.js", "index.js"), data)
    write_text(results / INDEX, text)
    return results / INDEX


def _summary(results: Path) -> list[dict[str, str]]:
    path = results / SUMMARY
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _row(results: Path, case: str, report: Mapping[str, Any]) -> dict[str, Any]:
    clear = [lesion for lesion in report.get("stenoses", ()) if lesion["assessable"]]
    worst = max(clear, key=lambda lesion: lesion["percent_diameter_stenosis"], default=None)
    page = results / case / page_name(case)
    return {
        "case": case,
        "status": "empty" if report["empty"] else "ok",
        "page": f"{quote(case)}/{quote(page.name)}" if page.is_file() else None,
        "picture": _picture(page),
        "volume_mm3": report["mask_volume_mm3"],
        "length_mm": report.get("centerline_length_mm"),
        "dominance": report.get("dominance"),
        "worst": worst and worst["percent_diameter_stenosis"],
        "worst_branch": worst and worst["branch"],
        "narrowed_50": (report.get("narrowed") or [{}])[-1].get("vessels_narrowed_50"),
        "warnings": len(report.get("warnings", ())),
        "reason": without_folders(report.get("reason") or "; ".join(report.get("warnings", ()))),
    }


def _picture(page: Path) -> str | None:
    """The icon of a case's page."""
    if not page.is_file():
        return None
    with open(page, "rb") as file:
        found = _ICON.search(file.read(HEAD_BYTES))
    return found and found[1].decode()
