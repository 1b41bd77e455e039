"""Figures of every case of an evaluation, and their summary, as files and in the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.data import MetaTensor
from monai.engines.utils import IterationEvents
from monai.transforms import Orientation

from bundle.common.coordinates import voxel_volume_mm3
from bundle.common.files import write_json
from bundle.common.processes import gathered
from bundle.common.tables import to_text, write_csv
from bundle.metrics import TREE_METRICS, case_metrics, centerline_dice, dice
from bundle.transforms import resize_volume

# The centreline's first: Dice and distances depend on how wide the readers drew the label.
SCAN_METRICS = ("cldice", *TREE_METRICS, "dice", "hd95_mm", "assd_mm", "betti0_error", "betti1_error")
PART_METRICS = ("parts", "parts_before")
GRID_METRICS = ("grid_dice", "grid_cldice")
METRICS = (*SCAN_METRICS, *PART_METRICS, *GRID_METRICS)
COLUMNS = ("case", *METRICS, "threshold", "volume_mm3", "true_volume_mm3")


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a metric: ``metric, n, mean, sd, median, min, max`` over the cases where it is defined.

    ``sd`` is the sample's (n - 1), NaN for one case.
    """
    summary = []
    for metric in METRICS:
        values = np.array([row.get(metric, np.nan) for row in rows], dtype=float)
        values = values[~np.isnan(values)]
        row: dict[str, Any] = {"metric": metric, "n": len(values)}
        row |= dict.fromkeys(("mean", "sd", "median", "min", "max"), float("nan"))
        if len(values):
            row |= {name: float(getattr(np, name)(values)) for name in ("mean", "median", "min", "max")}
        if len(values) > 1:
            row["sd"] = float(values.std(ddof=1))
        summary.append(row)
    return summary


class MetricsTable:
    """Ignite handler that measures each case on the scan's own grid and at the network's.

    Writes ``<output_dir>/metrics.csv`` (a row a case, rewritten after every case), ``metrics_summary.csv``
    and ``metrics.json`` (both, and the failed cases), and prints them. ``grid_dice`` and ``grid_cldice`` are
    of the network's own grid: what it gave there, at the threshold of the case, against the label's volume
    fraction of at least one half; no rule for components comes in. ``parts_before`` are those of the mask
    before that rule, where one was applied.

    Attach it on every process of a run on several. At the end each knows the figures and the failures of all,
    in the order of the data set; the first one writes and prints, and until then its own part.

    The masks (1, X, Y, Z) on the scan's grid are those of "pred" and "label" in the engine's output; before
    post-processing "pred" is the network's logits.
    """

    def __init__(self, output_dir: str | os.PathLike) -> None:
        self.output_dir = Path(output_dir)
        self.rows: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self._logits: torch.Tensor | None = None

    def attach(self, engine: Engine) -> None:
        """Register with an evaluator over a `CaseLoader`."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(IterationEvents.FORWARD_COMPLETED, self.keep_logits)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.publish)
        engine.add_event_handler(Events.COMPLETED, self.completed)

    def start(self, engine: Engine) -> None:
        """Forget an earlier run."""
        self.loader = engine.data_loader
        self.rows, self.failed = [], []

    def keep_logits(self, engine: Engine) -> None:
        """What the network gave for this case, (1, 1, X, Y, Z) at its own grid."""
        self._logits = engine.state.output["pred"].detach().clone()

    def __call__(self, engine: Engine) -> None:
        """Measure the cases of this iteration."""
        for batch, output in zip(engine.state.batch, engine.state.output):
            case = str(batch["case"])
            try:
                self.rows.append({"case": case, **self._measure(output["pred"], output["label"])})
            except Exception as error:  # one broken case must not take the cohort with it
                self.loader.failures.note(case, error)
        if idist.get_rank() == 0:
            write_csv(self.output_dir / "metrics.csv", self.rows, COLUMNS)

    def _measure(self, prediction: MetaTensor, label: MetaTensor) -> dict[str, Any]:
        affine = prediction.affine.cpu().numpy().astype(float)
        mask, truth = (volume[0].detach().cpu().numpy() > 0 for volume in (prediction, label))
        voxel_mm3 = voxel_volume_mm3(affine)
        threshold = prediction.meta["threshold"]
        grid_mask = (torch.sigmoid(self._logits[0, 0].float()) >= threshold).cpu().numpy()
        # Where at least half of a voxel of the network's grid is lumen.
        oriented = Orientation(axcodes="RAS", labels=(("L", "R"), ("P", "A"), ("I", "S")))(label)
        grid_truth = resize_volume(oriented.as_tensor(), grid_mask.shape, "area")[0].cpu().numpy() >= 0.5
        return {
            **case_metrics(mask, truth, affine),
            "parts_before": prediction.meta.get("components_before", float("nan")),
            "grid_dice": dice(grid_mask, grid_truth),
            "grid_cldice": centerline_dice(grid_mask, grid_truth),
            "threshold": threshold,
            "volume_mm3": np.count_nonzero(mask) * voxel_mm3,
            "true_volume_mm3": np.count_nonzero(truth) * voxel_mm3,
        }

    def publish(self, engine: Engine) -> None:
        """Leave the means in the engine's metrics, where handlers such as that of mlflow look for them."""
        order = {item["case"]: number for number, item in enumerate(self.loader.dataset.data)}
        self.rows, self.failed = (
            sorted(gathered(own), key=lambda entry: order[entry["case"]])
            for own in (self.rows, list(self.loader.failures))
        )
        engine.state.metrics |= {row["metric"]: row["mean"] for row in summarise(self.rows) if row["n"]}

    def completed(self, _: Engine) -> None:
        """Write the summary and print it."""
        if idist.get_rank() == 0:
            summary = summarise(self.rows)
            columns = list(summary[0])
            write_csv(self.output_dir / "metrics.csv", self.rows, COLUMNS)
            write_csv(self.output_dir / "metrics_summary.csv", summary, columns)
            report = {"cases": self.rows, "summary": summary, "failed": self.failed}
            write_json(report, self.output_dir / "metrics.json")
            print(to_text(self.rows, COLUMNS), to_text(summary, columns), sep="\n\n")
            print(f"metrics: {self.output_dir / 'metrics.csv'}")
        idist.barrier()  # a process that ends with an error would take the first one with it
