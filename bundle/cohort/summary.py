"""What became of every case of an inference run: a table in a file and in the terminal."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from bundle.common.case_warnings import warnings_of
from bundle.common.errors import InputError
from bundle.common.tables import to_text, write_csv

FIGURES = ("volume_mm3", "components", "threshold", "confidence")
COLUMNS = ("case", "status", *FIGURES, "seconds", "kept", "warnings", "reason")


class CaseSummary:
    """Ignite handler that writes ``<output_dir>/summary.csv``, a row a case, and prints it at the end.

    ``status`` is ``ok``, ``empty`` (nothing was found: no fault, no mesh) or ``failed``, with the ``reason``.
    ``kept`` says "yes" for a case that an earlier run finished with the same scan, weights and settings;
    its figures are those of then. ``warnings`` are sentences, parted by semicolons. ``seconds`` is the
    time since the case before was done: what the case adds to the run, the geometry being made meanwhile.
    The file is rewritten after every case, so a run that is killed leaves what it knew.

    Args:
        output_dir: folder of the results.
        loader: a `CaseLoader`; its ``failures`` are the cases that could not be loaded or predicted.
        geometry: the `GeometryExport` handler of the run, or None; its ``failures`` are failed cases too.
        pred_key: the mask, whose ``meta`` holds ``volume_mm3``, ``components``, ``threshold``, ``confidence``
            (`KeepComponents`, `AdaptiveThreshold`).
    """

    def __init__(
        self, output_dir: str | os.PathLike, loader: Any, geometry: Any = None, pred_key: str = "pred"
    ) -> None:
        self.path = Path(output_dir) / "summary.csv"
        self.loader = loader
        self.geometry = geometry
        self.pred_key = pred_key
        self._done: list[dict[str, Any]] = []
        self._last = 0.0

    def attach(self, engine: Engine) -> None:
        """Register with an evaluator."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self.completed)

    def start(self, _: Engine) -> None:
        """Forget an earlier run."""
        self._done = []
        self._last = time.perf_counter()

    def __call__(self, engine: Engine) -> None:
        """Note the cases of this iteration."""
        now = time.perf_counter()
        for batch, output in zip(engine.state.batch, engine.state.output):
            meta = output[self.pred_key].meta
            self._done.append(
                {
                    "case": str(batch["case"]),
                    "status": "ok" if meta["components"] else "empty",
                    "seconds": (now - self._last) / len(engine.state.batch),
                    "warnings": "; ".join(warnings_of(meta)),
                    **{key: meta[key] for key in FIGURES},
                }
            )
        self._last = now
        self._write()

    def completed(self, _: Engine) -> None:
        """Wait for the geometry, write the last state of the table and print it."""
        if self.geometry is not None:
            self.geometry.finish()
        self._write()
        if rows := self.rows():
            print(to_text([row | {"warnings": _count(row.get("warnings"))} for row in rows], COLUMNS))
            for row in rows:
                for sentence in filter(None, row.get("warnings", "").split("; ")):
                    print(f"warning, case '{row['case']}': {sentence}")
        print(f"summary: {self.path}")

    def rows(self) -> list[dict[str, Any]]:
        """A row a case that is done, in the order of the data set."""
        broken = {} if self.geometry is None else {f["case"]: f["reason"] for f in self.geometry.failures}
        rows = []
        for row in self._done:
            reason = broken.get(row["case"])
            rows.append(row if reason is None else row | {"status": "failed", "reason": reason})
        for failure in self.loader.failures:
            rows.append({"case": failure["case"], "status": "failed", "reason": failure["reason"]})
        # A copy at once: the loader's thread adds to it.
        rows += [_row_of_kept(case, report) for case, report in self.loader.kept.copy().items()]
        order = {item["case"]: number for number, item in enumerate(self.loader.dataset.data)}
        return sorted(rows, key=lambda row: order[row["case"]])

    def _write(self) -> None:
        write_csv(self.path, self.rows(), COLUMNS)

    def finish(self) -> None:
        """The end of the run.

        Raises:
            InputError: where a case failed, so that the exit code says it; the results of the others stand.
        """
        rows = self.rows()
        failed = [row for row in rows if row["status"] == "failed"]
        if failed:
            cases = "case" if len(rows) == 1 else "cases"
            raise InputError(
                f"{len(failed)} of {len(rows)} {cases} failed, first '{failed[0]['case']}': "
                f"{failed[0]['reason']}; see {self.path}"
            )


def _row_of_kept(case: str, report: dict[str, Any]) -> dict[str, Any]:
    scan = report["scan"]
    row = {"case": case, "status": "ok" if scan["components"] else "empty", "kept": "yes"}
    return row | {"warnings": "; ".join(scan["warnings"])} | {key: scan[key] for key in FIGURES}


def _count(warnings: str | None) -> int | None:
    return len(warnings.split("; ")) if warnings else None
