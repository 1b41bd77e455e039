"""Figures of every case of an evaluation, and their summary, as files and in the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
from ignite.engine import Engine, Events

from bundle.common.errors import InputError
from bundle.common.files import write_json
from bundle.common.processes import gathered
from bundle.common.tables import to_text, write_csv
from bundle.metrics import case_metrics, centerline_dice, dice

SCAN_METRICS = ("dice", "cldice", "hd95_mm", "assd_mm", "betti0_error")
GRID_METRICS = ("grid_dice", "grid_cldice")
COLUMNS = ("case", *SCAN_METRICS, *GRID_METRICS, "threshold", "volume_mm3", "true_volume_mm3")


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a metric: ``metric, n, mean, sd, median, min, max`` over the cases where it is defined.

    ``sd`` is the sample's (n - 1), NaN for one case.
    """
    summary = []
    for metric in (*SCAN_METRICS, *GRID_METRICS):
        values = np.array([row[metric] for row in rows], dtype=float)
        values = values[~np.isnan(values)]
        row: dict[str, Any] = {"metric": metric, "n": len(values)}
        for name in ("mean", "sd", "median", "min", "max"):
            row[name] = float("nan")
        if len(values):
            row |= {name: float(getattr(np, name)(values)) for name in ("mean", "median", "min", "max")}
        if len(values) > 1:
            row["sd"] = float(values.std(ddof=1))
        summary.append(row)
    return summary


class CaseMetrics:
    """Ignite handler that measures each case on the scan's own grid and at the network's.

    Writes ``<output_dir>/metrics.csv`` (a row a case, rewritten after every case), ``metrics_summary.csv``
    and ``metrics.json`` (both, and the failed cases), and prints them. ``grid_dice`` and ``grid_cldice`` are
    of the network's own grid: its prediction, thresholded there, against the label resized there.

    Attach it on every process of a run on several. At the end each knows the figures and the failures of all,
    in the order of the data set; the first one writes and prints, and until then its own share.

    Args:
        output_dir: folder of the results.
        loader: a `CaseLoader`; its ``failures`` are the cases without figures, those that cannot be measured
            among them.
        pred_key, label_key: masks on the scan's grid.
        grid_pred_key, grid_label_key: masks on the network's grid.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike,
        loader: Any,
        pred_key: str = "pred",
        label_key: str = "label",
        grid_pred_key: str = "grid_pred",
        grid_label_key: str = "grid_label",
    ) -> None:
        self.output_dir = Path(output_dir)
        self.loader = loader
        self.pred_key, self.label_key = pred_key, label_key
        self.grid_pred_key, self.grid_label_key = grid_pred_key, grid_label_key
        self.rows: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []

    def attach(self, engine: Engine) -> None:
        """Register with an evaluator."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.publish)
        engine.add_event_handler(Events.COMPLETED, self.completed)

    def start(self, _: Engine) -> None:
        """Forget an earlier run."""
        self.rows, self.failed = [], []

    def __call__(self, engine: Engine) -> None:
        """Measure the cases of this iteration."""
        for batch, output in zip(engine.state.batch, engine.state.output):
            case = str(batch["case"])
            try:
                self.rows.append({"case": case, **self._measure({**batch, **output})})
            except Exception as error:  # one broken case must not take the cohort with it
                self.loader.note_failure(case, error)
        if idist.get_rank() == 0:
            write_csv(self.output_dir / "metrics.csv", self.rows, COLUMNS)

    def _measure(self, item: dict) -> dict[str, Any]:
        prediction = item[self.pred_key]
        affine = prediction.affine.cpu().numpy().astype(float)
        mask, truth, grid_mask, grid_truth = (
            item[key][0].detach().cpu().numpy() > 0
            for key in (self.pred_key, self.label_key, self.grid_pred_key, self.grid_label_key)
        )
        voxel_volume_mm3 = abs(float(np.linalg.det(affine[:3, :3])))
        return {
            **case_metrics(mask, truth, affine),
            "grid_dice": dice(grid_mask, grid_truth),
            "grid_cldice": centerline_dice(grid_mask, grid_truth),
            "threshold": prediction.meta["threshold"],
            "volume_mm3": np.count_nonzero(mask) * voxel_volume_mm3,
            "true_volume_mm3": np.count_nonzero(truth) * voxel_volume_mm3,
        }

    def publish(self, engine: Engine) -> None:
        """Leave the means in the engine's metrics, where handlers such as that of mlflow look for them."""
        order = {item["case"]: number for number, item in enumerate(self.loader.dataset.data)}
        self.rows, self.failed = (
            sorted(gathered(own), key=lambda entry: order[entry["case"]])
            for own in (self.rows, self.loader.failures)
        )
        engine.state.metrics |= {row["metric"]: row["mean"] for row in summarise(self.rows) if row["n"]}

    def completed(self, _: Engine) -> None:
        """Write the summary and print it."""
        if idist.get_rank() == 0:
            self._write_summary()
        idist.barrier()  # a process that ends with an error would take the first one with it

    def _write_summary(self) -> None:
        summary = summarise(self.rows)
        columns = list(summary[0])
        write_csv(self.output_dir / "metrics.csv", self.rows, COLUMNS)
        write_csv(self.output_dir / "metrics_summary.csv", summary, columns)
        report = {"cases": self.rows, "summary": summary, "failed": self.failed}
        write_json(report, self.output_dir / "metrics.json")
        print(to_text(self.rows, COLUMNS), to_text(summary, columns), sep="\n\n")
        print(f"metrics: {self.output_dir / 'metrics.csv'}")

    def finish(self) -> None:
        """The end of the run.

        Raises:
            InputError: where a case could not be measured, or there was none, so that the exit code says it.
        """
        failed = self.failed
        if not failed and not self.rows:
            raise InputError("there is no case to measure: the chosen part of the data set's split is empty")
        if failed:
            total = len(failed) + len(self.rows)
            raise InputError(
                f"{len(failed)} of {total} cases failed, first '{failed[0]['case']}': {failed[0]['reason']}"
            )
