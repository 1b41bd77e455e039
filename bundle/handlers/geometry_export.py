"""Meshes, clouds and pictures of every predicted case, made while the next case is on the network."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import numpy as np
from ignite.engine import Engine, Events

import bundle
from bundle.geometry.crop import region_of
from bundle.geometry.export import export_case
from bundle.geometry.write import write_json


class GeometryExport:
    """Ignite handler that writes the geometry of each case into `output_dir/<case>/`.

    It reads the decollated items of `engine.state.batch` and `.output` after post-processing: a mask
    (1, X, Y, Z) and, if it is there, its probability on the same grid, both MetaTensors with a RAS affine.
    One worker thread makes the files; at most `waiting` cases wait for it, each cropped to its vessels, and
    the engine's end waits for them all. Beside the files of `bundle.geometry.export.export_case` it writes
    `<case>.json`: provenance, volumes, warnings, timings.

    A case whose geometry fails is put in `failures` as {"case", "reason"}; the others go on.

    Args:
        output_dir: folder of the results, e.g. "eval".
        pred_key, prob_key, case_key: keys of mask, probability and case name in the items.
        provenance: what the report shall say of the run (weights, config ...), plain values.
        waiting: cases in the queue before the engine waits.
        **options: passed to `export_case`, e.g. smoothing="laplacian", point_spacing_mm=0.5.

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
        **options: Any,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.pred_key, self.prob_key, self.case_key = pred_key, prob_key, case_key
        self.provenance = dict(provenance or {})
        self.options = options
        self.results: dict[str, dict] = {}
        self.failures: list[dict[str, str]] = []
        self._places = BoundedSemaphore(waiting + 1)
        self._pool: ThreadPoolExecutor | None = None
        self._jobs: list[Future] = []
        self._logger = logging.getLogger(__name__)

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
        pred = item[self.pred_key]
        mask = np.asarray(pred[0].detach().cpu()) > 0
        affine = np.asarray(pred.affine, dtype=np.float64)
        probability = item.get(self.prob_key)
        about = {"shape": list(mask.shape), "affine_ras_mm": affine.tolist()}
        about |= {key: float(pred.meta[key]) for key in ("threshold", "confidence") if key in pred.meta}
        region = region_of(mask)
        if region is not None:
            mask, affine = region.take(mask), region.affine(affine)
            if probability is not None:
                probability = region.take(np.asarray(probability[0].detach().cpu()))
        else:
            probability = None
        self._places.acquire()
        self._jobs.append(self._pool.submit(self._export, case, mask, affine, probability, about))

    def _export(self, case: str, mask, affine, probability, about: dict) -> None:
        try:
            folder = self.output_dir / case
            level = about.get("threshold") if probability is not None else None
            report = export_case(mask, affine, folder, case, probability, level=level, **self.options)
            versions = {"bundle": bundle.__version__}
            report |= {"scan": about, "provenance": versions | self.provenance}
            write_json(report, folder / f"{case}.json")
            self.results[case] = report
        except Exception as error:  # one broken case must not take the cohort with it
            known = isinstance(error, ValueError)
            if not known:
                self._logger.exception("geometry of case %s failed", case)
            self.failures.append({"case": case, "reason": str(error) if known else repr(error)})
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
