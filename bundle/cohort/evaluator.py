"""MONAI's evaluator for cohorts: a case that fails is listed, and the others go on."""

from __future__ import annotations

from typing import Any

import torch
from monai.engines import SupervisedEvaluator

from bundle.common.errors import find_cause
from bundle.inferers import MemorySafeInferer

__all__ = ["CaseEvaluator"]


class CaseEvaluator(SupervisedEvaluator):
    """`SupervisedEvaluator` over a `CaseLoader` that survives an exception in the work on one case.

    Covered are the network and all that MONAI runs inside an iteration: decollation and post-processing with
    its saving. The failure goes where the loader keeps those of loading, ``val_data_loader.failures``, so a
    run has one list. The iteration then leaves an empty ``state.batch`` and ``state.output``: handlers loop
    over the cases in them, so a failed case reaches none, and needs no rule of its own.

    Where post-processing runs out of GPU memory, the case is done again on the CPU, as
    `MemorySafeInferer` does it for the network.

    A handler that fails is not covered: it either keeps the failure of a case to itself (`GeometryExport`,
    `CaseMetrics`) or cannot do its work for any case, such as a table that cannot be written.
    """

    def run(self, global_epoch: int = 1) -> None:
        """Run over the loader's cases, however many an earlier run had."""
        self.state.epoch_length = None  # of which Ignite would take no more batches, nor any after none
        super().run(global_epoch)

    def _iteration(self, engine: SupervisedEvaluator, batchdata: dict[str, Any]) -> Any:
        try:
            try:
                return super()._iteration(engine, batchdata)
            except Exception as error:
                is_memory = find_cause(error, torch.OutOfMemoryError) is not None
                if not (is_memory and isinstance(self.inferer, MemorySafeInferer)):
                    raise
            return self._again_on_cpu(engine, batchdata)
        except Exception as error:
            for case in batchdata["case"]:
                self.data_loader.failures.note(case, error)
            engine.state.batch, engine.state.output = [], []
            return engine.state.output

    def _again_on_cpu(self, engine: SupervisedEvaluator, batchdata: dict[str, Any]) -> Any:
        """The iteration with the case on the CPU: post-processing on the scan's own grid took too much."""
        torch.cuda.empty_cache()
        engine.state.batch = batchdata  # the first try took it apart
        device, engine.state.device = engine.state.device, torch.device("cpu")
        try:
            return super()._iteration(engine, batchdata)
        finally:
            engine.state.device = device
