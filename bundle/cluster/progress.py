"""How far a run on a cluster is: one bar, a line a case in the log, and the table of all cases."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bundle.cohort import COLUMNS, SUMMARY, FailureLog, print_summary
from bundle.common.duration import duration
from bundle.common.tables import write_csv

__all__ = ["Gathered"]

logger = logging.getLogger(__name__)
_SHARE = 20  # the table is written again after so many times the seconds that it took: a cohort may be large


class Gathered:
    """What the workers answered, in the order of the data list.

    Args:
        folder: of summary.csv.
        items: the data list.
        failures: of the run.
    """

    def __init__(
        self, folder: str | os.PathLike, items: Sequence[Mapping[str, str]], failures: FailureLog
    ) -> None:
        self.path = Path(folder) / SUMMARY
        self.failures = failures
        self._order = {item["case"]: number for number, item in enumerate(items)}
        self._rows: dict[str, dict[str, Any]] = {}
        self._begin = time.monotonic()
        self._written = self._took = 0.0
        self._made = 0
        self._bar = tqdm(total=len(items), unit="case", leave=False, disable=not sys.stderr.isatty())

    def add(self, item: Mapping[str, str], answer: Mapping[str, Any]) -> None:
        """A case is over: its row, its line in the log, and its failure."""
        case, row = item["case"], {"case": item["case"], "warnings": ""} | answer["row"]
        if answer["reason"]:
            row |= {"status": "failed", "reason": answer["reason"]}
            self.failures.add(case, answer["reason"], answer["trace"])
        self.keep(case, row)
        self._say(case, row)
        self._bar.update()
        if time.monotonic() - self._written > _SHARE * self._took:
            self.write()

    def keep(self, case: str, row: dict[str, Any]) -> None:
        """A case's row, for the table alone."""
        self._rows[case] = row

    def _say(self, case: str, row: Mapping[str, Any]) -> None:
        left = len(self._order) - len(self._rows)
        if row.get("kept"):
            logger.info("case '%s' is kept: it was finished with this scan and these settings", case)
        elif row["status"] != "failed":
            self._made += 1
            seconds = (time.monotonic() - self._begin) / self._made * left
            took = "" if row.get("seconds") is None else f" in {duration(row['seconds'])}"
            to_go = f", about {duration(seconds)} to go" if left else ""
            logger.info(
                "case '%s' is done%s, %d of %d%s", case, took, len(self._rows), len(self._order), to_go
            )

    def rows(self) -> list[dict[str, Any]]:
        return [self._rows[case] for case in sorted(self._rows, key=self._order.__getitem__)]

    def write(self) -> None:
        """Write summary.csv as far as it is known."""
        begin = time.monotonic()
        write_csv(self.path, self.rows(), COLUMNS)
        self._written = time.monotonic()
        self._took = self._written - begin

    def finish(self, shown_path: str | os.PathLike | None = None) -> None:
        """Write and print the table."""
        self.close()
        self.write()
        print_summary(self.rows(), shown_path or self.path)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bar.close()
