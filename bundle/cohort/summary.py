"""What became of every case of an inference run: a table in a file and in the terminal."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from bundle.common.case_warnings import warnings_of
from bundle.common.tables import exact, to_text, write_csv
from bundle.report import SUMMARY

from .records import clear_case

__all__ = ["COLUMNS", "SUMMARY", "CaseSummary", "add_failed", "print_summary"]

FIGURES = ("volume_mm3", "components", "threshold", "confidence")
COUNTS = ("vessels_assessable", "vessels_narrowed_50", "vessels_narrowed_70")
COLUMNS = ("case", "status", *FIGURES, *COUNTS, "seconds", "kept", "warnings", "reason")


class CaseSummary:
    """Ignite handler that writes ``<output_dir>/summary.csv``, a row a case, and prints it at the end.

    ``status`` is ``ok``, ``empty`` (nothing was found: no fault, no mesh) or ``failed``, with the ``reason``.
    ``kept`` says "yes" for a case that an earlier run finished with the same scan, weights and settings;
    its figures are those of then. ``warnings`` are sentences, parted by semicolons, the geometry's last.
    ``seconds`` is the time since the case before was done: what the case adds to the run, the geometry being
    made meanwhile. The file is rewritten after every case, so a run that is killed leaves what it knew.

    Attach it behind the handlers that may add a failure to the evaluator's `CaseLoader`.

    Of vessels that can be judged and are narrowed, the numbers of the geometry (`narrowed_sums`).

    The figures are in the ``meta`` of the engine's output "pred" (`KeepComponentsd`, `AdaptiveThresholdd`).

    Args:
        output_dir: folder of the results; with None nothing is written or printed, `rows` has the table.
    """

    def __init__(self, output_dir: str | os.PathLike | None) -> None:
        self.path = None if output_dir is None else Path(output_dir) / SUMMARY
        self._done: list[dict[str, Any]] = []
        self._last = 0.0

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self.completed)

    def start(self, engine: Engine) -> None:
        """Forget an earlier run."""
        self.loader = engine.data_loader
        self._done = []
        self._last = time.perf_counter()

    def __call__(self, engine: Engine) -> None:
        """Note the cases of this iteration."""
        now = time.perf_counter()
        for batch, output in zip(engine.state.batch, engine.state.output):
            meta, seconds = output["pred"].meta, (now - self._last) / len(engine.state.batch)
            self._done.append(_row(str(batch["case"]), meta, warnings_of(meta)) | {"seconds": seconds})
        self._last = now
        if self.path is not None:
            write_csv(self.path, self.rows(), COLUMNS)

    def completed(self, _: Engine) -> None:
        """Write the last state of the table and print it."""
        if self.path is not None:
            rows = self.rows()
            write_csv(self.path, rows, COLUMNS)
            print_summary(rows, self.path)

    def rows(self) -> list[dict[str, Any]]:
        """A row a case that is done, in the order of the data set."""
        failed = {entry["case"]: entry["reason"] for entry in self.loader.failures}
        done = {row["case"]: row for row in self._done}
        rows = [row for case, row in done.items() if case not in failed]
        for case, reason in failed.items():
            rows.append(done.get(case, {"case": case}) | {"status": "failed", "reason": reason})
        # A copy at once: the loader's thread adds to it.
        for case, report in self.loader.kept.copy().items():
            row = _row(case, report["scan"], report["warnings"]) | {"kept": "yes"}
            rows.append(row | _counts((report.get("narrowed") or [{}])[-1]))
        remarks, counts = self.loader.remarks.copy(), self.loader.counts.copy()
        for number, row in enumerate(rows):
            sentences = row.get("warnings", []) + remarks.get(row["case"], [])
            rows[number] = row | _counts(counts.get(row["case"], {})) | {"warnings": "; ".join(sentences)}
        order = {item["case"]: number for number, item in enumerate(self.loader.dataset.data)}
        return sorted(rows, key=lambda row: order[row["case"]])


def print_summary(rows: Sequence[Mapping[str, Any]], path: str | os.PathLike) -> None:
    """Print the rows of a summary as a table, then their warnings, then the file's path."""
    warnings = [[text for text in row["warnings"].split("; ") if text] for row in rows]
    if rows:
        shown = [{**row, "warnings": len(own) or None} for row, own in zip(rows, warnings)]
        print(to_text(shown, COLUMNS))
    for row, own in zip(rows, warnings):
        for sentence in own:
            print(f"warning, case '{row['case']}': {sentence}")
    print(f"summary: {path}")


def _row(case: str, figures: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    row = {"case": case, "status": "ok" if figures["components"] else "empty"}
    return row | {"warnings": warnings} | {key: figures[key] for key in FIGURES}


def _counts(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {key: numbers[key] for key in COUNTS if key in numbers}


def add_failed(output_dir: str | os.PathLike, failed: Mapping[str, str], ran: bool) -> Path:
    """Add the cases that failed before a run, since their scans could not be made, to its ``summary.csv``.

    What an earlier run left under their names goes, as where a case fails in a run.

    Args:
        failed: case to reason.
        ran: whether there was a run, whose rows stay; else the table is begun anew.

    Returns:
        The table.
    """
    path, rows = Path(output_dir) / SUMMARY, []
    if ran and path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    for case, reason in failed.items():
        clear_case(output_dir, case)
        rows.append({"case": case, "status": "failed", "reason": reason})
    write_csv(path, rows, COLUMNS, exact)
    return path
