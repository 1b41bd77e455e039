"""Cases one by one for inference and evaluation, where a broken case does not end the run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import ignite.distributed as idist
from monai.data import Dataset, list_data_collate

from bundle.common.errors import InputError
from bundle.data import as_cases

from .failures import FailureLog

if TYPE_CHECKING:
    from .records import CaseRecords

__all__ = ["CaseLoader"]

logger = logging.getLogger(__name__)


class CaseLoader:
    """Batches of one case, the next one loaded in a background thread while this one is worked on.

    A case that cannot be loaded is skipped and goes in ``failures``; the others go on. `CaseEvaluator` and
    the handlers add the cases that fail later.

    It has no ``len()`` on purpose. Ignite takes the length of a loader for the number of batches and, where
    fewer come, starts the loader anew, so repeats cases; without a length it ends the epoch where the cases
    end. The number of cases is ``len(loader.dataset)``. On several processes each gets a part of the
    cases, or none.

    Args:
        dataset: its ``data`` is a list of items with an "image", and with a "case" where that is not what the
            image is called; indexing it runs the transforms.
        records: a `bundle.cohort.records.CaseRecords`, by which cases that are finished already are left out.

    Raises:
        InputError: the data set is empty.

    Attributes:
        kept: the reports of the cases that were left out as finished in the run so far, by their name.
        failures: the cases that failed in the run so far; emptied when a new run over the cases begins.
        remarks: sentences about a case, by its name, from what is made of it after the network.
        counts: the same, numbers by their names.
    """

    def __init__(self, dataset: Dataset, records: CaseRecords | None = None) -> None:
        if len(dataset) == 0:
            raise InputError("there is no case to run on: the chosen part of the data set is empty")
        dataset.data = as_cases(dataset.data)
        self.dataset = dataset
        self.records = records
        self.kept: dict[str, dict[str, Any]] = {}
        self.failures = FailureLog()
        self.remarks: dict[str, list[str]] = {}
        self.counts: dict[str, dict[str, int]] = {}

    def __iter__(self) -> Iterator[Any]:
        self.kept.clear()
        self.remarks.clear()
        self.counts.clear()
        self.failures.begin({item["case"]: item["image"] for item in self.dataset.data})
        if self.records is not None and idist.get_rank() == 0:
            self.records.announce(item["case"] for item in self.dataset.data)
        # One thread: two cases in memory, the one in work and the next, are what a small machine can hold.
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="case-loader")
        try:
            waiting: tuple[int, Future] | None = None
            for index in range(idist.get_rank(), len(self.dataset), idist.get_world_size()):
                before, waiting = waiting, (index, pool.submit(self._load, index))
                if before is not None:
                    yield from self._taken(*before)
            if waiting is not None:
                yield from self._taken(*waiting)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _load(self, index: int) -> Any:
        """The batch of one case, or None where it is kept."""
        if self.records is not None:
            item = self.dataset.data[index]
            report = self.records.kept(item["case"], item["image"])
            if report is not None:
                self.kept[item["case"]] = report
                why = "it was finished with this scan and these settings"
                logger.info("case '%s' is kept: %s", item["case"], why)
                return None
        return list_data_collate([self.dataset[index]])

    def _taken(self, index: int, loaded: Future) -> Iterator[Any]:
        """The batch of one case, or nothing where it failed or is kept."""
        try:
            batch = loaded.result()
        except Exception as error:
            self.failures.note(self.dataset.data[index]["case"], error)
        else:
            if batch is not None:
                yield batch
