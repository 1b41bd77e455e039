"""What runs on a worker: the config's own evaluator, made once, over one case after another."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from copy import deepcopy
from io import StringIO
from typing import Any

from bundle.common.errors import find_input_error, first_cause
from bundle.common.root import bundle_root as own_root

__all__ = ["CaseWorker"]


class CaseWorker:
    """The actor of a worker. It keeps its network; a case is what the same config makes of it in one process.

    Args:
        config: of the run, all files laid over each other, as `ConfigParser` has it before anything is made.
            Its ``worker_start`` are the steps before the first case.
        folder: working folder of the run, against which the config's paths are read where it is there.
    """

    def __init__(self, config: Mapping[str, Any], folder: str) -> None:
        self.config = deepcopy(dict(config))
        self.folder = folder

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
            known = find_input_error(error)
            return where | {"reason": _reason(error), "input": known is not None}
        return where | {"reason": "", "input": False}

    def _start(self, item: Mapping[str, str]) -> None:
        from monai.bundle import ConfigParser

        logging.getLogger().setLevel(logging.WARNING)
        if os.path.isdir(self.folder):
            os.chdir(self.folder)
        if not os.path.isdir(os.path.join(str(self.config["bundle_root"]), "configs")):
            self.config["bundle_root"] = str(own_root())  # installed elsewhere on this node
        root = os.path.abspath(self.config["bundle_root"])
        if root not in sys.path:
            sys.path.insert(1, root)  # as MONAI does for a run
        self.config["dataset"]["data"] = [dict(item)]
        parser = ConfigParser(self.config)
        parser.parse(True)
        parser.get_parsed_content("worker_start")
        self.evaluator = parser.get_parsed_content("evaluator")
        self.loader = parser.get_parsed_content("dataloader")
        self.summary = parser.get_parsed_content("worker_summary")

    def run(self, item: Mapping[str, str]) -> dict[str, Any]:
        """One case.

        Returns:
            ``row``: of summary.csv; ``reason`` why the case failed, else ""; ``trace``: the traceback where
            that may be a fault of the program or of this worker.
        """
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
        }


def _reason(error: Exception) -> str:
    known, cause = find_input_error(error), first_cause(error)
    return str(known) if known is not None else f"{type(cause).__name__}: {cause}"
