"""What runs on a worker: the config's own evaluator, made once, over one case after another."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

from bundle.cohort import fault_of
from bundle.common.root import bundle_root as own_root
from bundle.common.scratch import ScratchFolder

from .storage import CaseStore, fetched

__all__ = ["CaseWorker"]


class CaseWorker:
    """The actor of a worker. It keeps its network; a case is what the same config makes of it in one process.

    Args:
        config: of the run, all files laid over each other, as `ConfigParser` has it before anything is made.
            Its ``worker_start`` are the steps before the first case.
        folder: working folder of the run, against which the config's paths are read where it is there.
        url: of the results in object storage; each case is made in a folder of the worker first.
        threads: of the network.
    """

    def __init__(
        self, config: Mapping[str, Any], folder: str, url: str | None = None, threads: int = 1
    ) -> None:
        self.config = deepcopy(dict(config))
        self.folder, self.threads = folder, threads
        self.store = None if url is None else CaseStore(url)

    def start(self, item: Mapping[str, str]) -> dict[str, Any]:
        """Make the network and the evaluator.

        Args:
            item: any case, for the data set must not be empty.

        Returns:
            ``where`` the worker is, host and process; ``reason`` why it could not start, else "", and whether
            that is ``input``, so the same for all workers.
        """
        where = {"where": f"{socket.gethostname()}, process {os.getpid()}", "pid": os.getpid()}
        try:
            self._start(item)
        except Exception as error:
            fault = fault_of(error)
            return where | {"reason": fault.reason, "input": not fault.may_pass}
        return where | {"reason": "", "input": False}

    def _start(self, item: Mapping[str, str]) -> None:
        import torch
        from monai.bundle import ConfigParser

        logging.getLogger().setLevel(logging.WARNING)
        torch.set_num_threads(self.threads)  # Ray leaves OMP_NUM_THREADS as it finds it
        if os.path.isdir(self.folder):
            os.chdir(self.folder)
        if not os.path.isdir(os.path.join(str(self.config["bundle_root"]), "configs")):
            self.config["bundle_root"] = str(own_root())  # installed elsewhere on this node
        root = os.path.abspath(self.config["bundle_root"])
        if root not in sys.path:
            sys.path.insert(1, root)  # as MONAI does for a run
        self.config["dataset"]["data"] = [dict(item)]
        if self.store is not None:
            self.scratch = ScratchFolder()
            self.config["output_dir"] = self.scratch.name
            own = {"_target_": "bundle.cluster.StoredRecords", "url": self.store.url}
            self.config["records"] = own | {
                k: v for k, v in self.config["records"].items() if k != "_target_"
            }
        parser = ConfigParser(self.config)
        parser.parse(True)
        parser.get_parsed_content("worker_start")
        self.evaluator = parser.get_parsed_content("evaluator")
        self.loader = parser.get_parsed_content("dataloader")
        self.summary = parser.get_parsed_content("worker_summary")

    def replacing(self, cases: Sequence[str]) -> list[str]:
        """What `bundle.cohort.CaseRecords.replacing` says of cases by their names."""
        return self.loader.records.replacing(cases)

    def run(self, item: Mapping[str, str]) -> dict[str, Any]:
        """One case.

        Returns:
            ``row``: of summary.csv; ``reason`` why the case failed, else ""; ``trace``: the traceback of what
            may be a fault of the program; ``again``: whether it may pass on another worker.
        """
        case = item["case"]
        try:
            with fetched(item["image"]) as image:
                answer = self._run({**item, "image": image})
                if self.store is not None:
                    self._put_away(case)
        except Exception as error:  # of the storage
            reason, trace, again = fault_of(error)
            if self.store is not None and not again:
                self.store.clear(case)  # of an earlier run, whose results are not this one's
            return {"row": {"case": case}, "reason": reason, "trace": trace, "again": again}
        if image != item["image"]:  # the sentences name the file that a person knows
            for part, key in ((answer, "reason"), (answer["row"], "reason"), (answer["row"], "warnings")):
                part[key] = (part.get(key) or "").replace(image, item["image"])
        return answer

    def _run(self, item: Mapping[str, str]) -> dict[str, Any]:
        case = item["case"]
        self.loader.dataset.data = [dict(item)]
        try:
            with redirect_stdout(StringIO()):
                self.evaluator.run()
        except Exception as error:
            self.loader.failures.note(case, error)
        failures = list(self.loader.failures)
        (row,) = self.summary.rows()
        return {
            "row": row,
            "reason": failures[0]["reason"] if failures else "",
            "trace": self.loader.failures.traces.get(case, ""),
            "again": case in self.loader.failures.may_pass,
        }

    def _put_away(self, case: str) -> None:
        """Copy a finished case to the storage, and remove it here."""
        folder = Path(self.scratch.name)
        if (folder / case / f"{case}.json").is_file():
            self.store.upload_case(folder, case)
        shutil.rmtree(folder / case, ignore_errors=True)
