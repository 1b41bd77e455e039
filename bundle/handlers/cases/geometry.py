"""Meshes, clouds and pictures of every predicted case, made while the next case is on the network."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from ignite.engine import Engine, Events

from bundle.cohort import CaseRecords
from bundle.common.errors import InputError
from bundle.geometry.case import ExportOptions
from bundle.transforms import CaseGeometry, case_geometry, failure_reason, write_geometry


class GeometryExport:
    """Ignite handler that writes the geometry of each case into `output_dir/<case>/`.

    It reads the decollated items of `engine.state.batch` and `.output` after post-processing: a mask
    (1, X, Y, Z) and, if it is there, its probability on the same grid, both MetaTensors with a RAS affine.
    One worker thread makes the files; at most `waiting` cases wait for it, each cropped to its vessels, and
    the engine's end waits for them all. Beside the files of `bundle.geometry.case.export.export_case` it writes
    `<case>.json`: provenance, volumes, warnings, timings.

    A case whose geometry fails is put in `failures` as {"case", "reason"}; the others go on.

    Args:
        output_dir: folder of the results, e.g. "eval".
        pred_key, prob_key, case_key: keys of mask, probability and case name in the items.
        provenance: what the report shall say of the run (weights, config ...), plain values.
        waiting: cases in the queue before the engine waits.
        records: those of the loader; they go into the JSON, so that a rerun knows the finished cases.
        **options: settings of `bundle.geometry.case.options.ExportOptions`, e.g. smoothing="laplacian",
            turntable=36, colour_by="branch".

    Attributes:
        results: report of every finished case by its name, in the order of the run.
        failures: failed cases.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike,
        pred_key: str = "pred",
        prob_key: str = "prob",
        case_key: str = "case",
        provenance: dict[str, Any] | None = None,
        waiting: int = 2,
        records: CaseRecords | None = None,
        **options: Any,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.pred_key, self.prob_key, self.case_key = pred_key, prob_key, case_key
        self.provenance = dict(provenance or {})
        self.records = records
        self.options = options
        ExportOptions(**options)  # a setting that cannot be is told before the first case, not by each
        self.results: dict[str, dict] = {}
        self.failures: list[dict[str, str]] = []
        self._places = BoundedSemaphore(waiting + 1)
        self._pool: ThreadPoolExecutor | None = None
        self._jobs: list[Future] = []

    def attach(self, engine: Engine) -> None:
        """Register with an evaluator whose post-processing has run by ITERATION_COMPLETED."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self.finish)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._finish_and_raise)

    def start(self, _: Engine | None = None) -> None:
        """Forget the cases of an earlier run."""
        self.results, self.failures, self._jobs = {}, [], []
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="geometry")

    def __call__(self, engine: Engine) -> None:
        """Queue the cases of this iteration."""
        for batch, output in zip(engine.state.batch, engine.state.output):
            self._submit({**batch, **output})

    def _submit(self, item: dict) -> None:
        case = str(item[self.case_key])
        geometry = case_geometry(item[self.pred_key], item.get(self.prob_key))
        self._places.acquire()
        self._jobs.append(self._pool.submit(self._export, case, geometry))

    def _export(self, case: str, geometry: CaseGeometry) -> None:
        try:
            stamp = None if self.records is None else self.records.stamp
            self.results[case] = write_geometry(
                geometry, self.output_dir, case, self.provenance, self.options, stamp
            )
        except Exception as error:  # one broken case must not take the cohort with it
            self.failures.append({"case": case, "reason": failure_reason(error, case)})
        finally:
            self._places.release()

    def finish(self, _: Engine | None = None) -> None:
        """Wait until every queued case is written."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def check(self) -> None:
        """Say at the end of a run that has no other account of the cases whether each has its files.

        Raises:
            InputError: the geometry of a case failed.
        """
        if self.failures:
            first = self.failures[0]
            raise InputError(
                f"the geometry of {len(self.failures)} cases failed, first '{first['case']}': "
                f"{first['reason']}"
            )

    def _finish_and_raise(self, engine: Engine, error: BaseException) -> None:
        self.finish()
        raise error
