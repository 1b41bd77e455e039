"""What became of every case of an inference run: a table in a file and in the terminal."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from bundle.errors import InputError
from bundle.handlers.table import to_csv, to_text, write_text

COLUMNS = ("case", "status", "volume_mm3", "components", "threshold", "confidence", "seconds", "reason")


class CaseSummary:
    """Ignite handler that writes ``<output_dir>/summary.csv``, a row a case, and prints it at the end.

    ``status`` is ``ok``, ``empty`` (nothing was found: no fault, no mesh) or ``failed``, with the ``reason``.
    ``seconds`` is the time since the case before was done: what the case adds to the run, the geometry being
    made meanwhile. The file is rewritten after every case, so a run that is killed leaves what it knew.

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
                    **{key: meta[key] for key in ("volume_mm3", "components", "threshold", "confidence")},
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
            print(to_text(rows, COLUMNS))
        print(f"summary: {self.path}")

    def rows(self) -> list[dict[str, Any]]:
        """A row a case: those that were predicted, in their order, then those that failed before."""
        broken = {} if self.geometry is None else {f["case"]: f["reason"] for f in self.geometry.failures}
        rows = []
        for row in self._done:
            reason = broken.get(row["case"])
            rows.append(row if reason is None else row | {"status": "failed", "reason": reason})
        for failure in self.loader.failures:
            rows.append({"case": failure["case"], "status": "failed", "reason": failure["reason"]})
        return rows

    def _write(self) -> None:
        write_text(self.path, to_csv(self.rows(), COLUMNS))

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
