"""MONAI's evaluator for cohorts: a case that fails is listed, and the others go on."""

from __future__ import annotations

from typing import Any

from monai.engines import SupervisedEvaluator

__all__ = ["CaseEvaluator"]


class CaseEvaluator(SupervisedEvaluator):
    """`SupervisedEvaluator` over a `CaseLoader` that survives an exception in the work on one case.

    Covered are the network and all that MONAI runs inside an iteration: decollation and post-processing with
    its saving. The failure goes where the loader keeps those of loading, ``val_data_loader.failures``, so a
    run has one list. The iteration then leaves an empty ``state.batch`` and ``state.output``: handlers loop
    over the cases in them, so a failed case reaches none, and needs no rule of its own.

    A handler that fails is not covered: it either keeps the failure of a case to itself (`GeometryExport`,
    `CaseMetrics`) or cannot do its work for any case, such as a table that cannot be written.
    """

    def _iteration(self, engine: SupervisedEvaluator, batchdata: dict[str, Any]) -> Any:
        try:
            return super()._iteration(engine, batchdata)
        except Exception as error:
            for case in batchdata["case"]:
                self.data_loader.note_failure(case, error)
            engine.state.batch = []
            engine.state.output = []
            return engine.state.output
