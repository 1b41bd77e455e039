"""Meshes, clouds and pictures of every predicted case, made while the next case is on the network."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from ignite.engine import Engine, Events

from bundle.cohort import CaseRecords, FailureLog
from bundle.common.errors import InputError
from bundle.geometry.case import ExportOptions
from bundle.transforms import CaseGeometry, case_geometry, write_geometry

WAITING = 2


class GeometryExport:
    """Ignite handler that writes the geometry of each case into `output_dir/<case>/`.

    It reads the decollated items of `engine.state.batch` and `.output` after post-processing: a mask
    (1, X, Y, Z) and, if it is there, its probability on the same grid, both MetaTensors with a RAS affine; of
    the batch also "ct", the scan in HU as it was loaded.
    One worker thread makes the files; at most `WAITING` cases wait for it, each cropped to its vessels, and
    the engine's end waits for them all. Beside the files of `bundle.geometry.case.export_case` it writes
    `<case>.json`: provenance, volumes, warnings, timings.

    A case whose geometry fails goes into the failures of the evaluator's `CaseLoader`; the others go on.

    Args:
        output_dir: folder of the results, e.g. "eval".
        options: what is made of each mask.
        weights: path of the weights, for the reports.
        runtime: says what runs the network, for the reports, when a case is done; None leaves it out.
        records: those of the loader; they go into the JSON, so that a rerun knows the finished cases.

    Attributes:
        results: report of every finished case by its name, in the order of the run.
        failures: failed cases, of this handler alone where the engine has no `CaseLoader`.
        remarks: the geometry's warnings by case, those of the `CaseLoader` where there is one.
        counts: narrowed vessels by case, also those of the `CaseLoader`.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike,
        options: ExportOptions | None = None,
        weights: str | os.PathLike | None = None,
        runtime: Callable[[], str] | None = None,
        records: CaseRecords | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.options = options or ExportOptions()
        self.provenance = {"weights": weights}
        self.runtime = runtime
        self.stamp = None if records is None else records.stamp
        self.results: dict[str, dict] = {}
        self.failures = FailureLog()
        self.remarks: dict[str, list[str]] = {}
        self.counts: dict[str, dict[str, int]] = {}
        self._places = BoundedSemaphore(WAITING + 1)
        self._pool: ThreadPoolExecutor | None = None

    def attach(self, engine: Engine) -> None:
        """Register with an evaluator whose post-processing has run by ITERATION_COMPLETED."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.COMPLETED, self.finish)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._finish_and_raise)

    def start(self, engine: Engine) -> None:
        """Forget the cases of an earlier run."""
        self.results = {}
        loader = getattr(engine, "data_loader", None)
        self.failures = getattr(loader, "failures", self.failures)
        self.remarks = getattr(loader, "remarks", {})
        self.counts = getattr(loader, "counts", {})
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="geometry")

    def __call__(self, engine: Engine) -> None:
        """Queue the cases of this iteration."""
        for batch, output in zip(engine.state.batch, engine.state.output):
            image = batch.get("image") if self.options.pictures else None
            maps = (output["pred"], output.get("prob"), output.get("vein"))
            others = [output[name] for name in ("entropy", "mutual_information") if name in output]
            geometry = case_geometry(*maps, image, batch.get("ct"), others)
            provenance = self.provenance | ({} if self.runtime is None else {"runtime": self.runtime()})
            self._places.acquire()
            self._pool.submit(self._export, str(batch["case"]), geometry, provenance)

    def _export(self, case: str, geometry: CaseGeometry, provenance: dict[str, Any]) -> None:
        try:
            about = (provenance, self.options, self.stamp)
            self.results[case] = report = write_geometry(geometry, self.output_dir, case, *about)
            self.counts[case] = report["narrowed"][-1] if "narrowed" in report else {}
            self.remarks[case] = report["warnings"][len(geometry.scan["warnings"]) :]
        except Exception as error:  # one broken case must not take the cohort with it
            is_sentence = isinstance(error, ValueError)  # the geometry's own, about the mask
            self.failures.note(case, InputError(str(error)) if is_sentence else error)
        finally:
            self._places.release()

    def finish(self, _: Engine | None = None) -> None:
        """Wait until every queued case is written."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def _finish_and_raise(self, engine: Engine, error: BaseException) -> None:
        self.finish()
        raise error
