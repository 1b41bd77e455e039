"""`ClusterRun`: inference of all cases of a config on the workers of a Ray cluster."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from bundle.cohort import SUMMARY, FailureLog, clear_case
from bundle.common.config_in_use import config_in_use, config_names
from bundle.common.errors import InputError
from bundle.common.filenames import is_url
from bundle.common.log_file import start_log
from bundle.common.output_folder import check_output_dir
from bundle.common.scratch import ScratchFolder
from bundle.data import as_cases
from bundle.report import INDEX, write_index

from .engine import connected, import_ray, room_for
from .progress import Gathered
from .spread import LOST, spread
from .storage import CaseStore
from .worker import CaseWorker

__all__ = ["ClusterRun"]

logger = logging.getLogger(__name__)


class ClusterRun:
    """In place of an evaluator's run over all cases: each worker runs the same evaluator over one at a time.

    Made inside a config (``configs/modes/cluster.yaml``), which it hands to the workers as it stands, with
    overlays and command line in it. Which cases are finished the workers ask themselves. The table, the log
    and the list of failures are made here, as one process has them.

    Args:
        cases: the data list.
        output_dir: folder of the results, at the same path on all nodes, or a URL.
        address: see `bundle.cluster.engine.connected`.
        workers: their number; None is what the cluster has room for as the run begins.
        num_cpus: cores of a worker; also the threads of its network.
        num_gpus: GPUs of a worker, or a part of one that several share; None is one where there are any.
        local_cpus: cores that "local" counts; None is all of this machine.
        retries: of a case that fails on anything but bad input, each on another worker.
        losses: so many workers may end at work on one case, and it is begun again.

    Raises:
        InputError: Ray is not installed, or a number is out of its bounds.

    Attributes:
        failures: the cases that failed in the run so far.
    """

    def __init__(
        self,
        cases: Sequence[Mapping[str, str]],
        output_dir: str | os.PathLike,
        address: str = "local",
        workers: int | None = None,
        num_cpus: float = 1,
        num_gpus: float | None = None,
        local_cpus: int | None = None,
        retries: int = 1,
        losses: int = 3,
    ) -> None:
        import_ray()
        _check(workers, num_cpus, num_gpus, {"retries": retries, "losses": losses})
        self.cases = as_cases(cases)
        self.output_dir = str(output_dir)
        self.store = CaseStore(self.output_dir) if is_url(output_dir) else None
        self.address, self.workers = address, workers
        self.num_cpus, self.num_gpus, self.local_cpus = num_cpus, num_gpus, local_cpus
        self.retries, self.losses = retries, losses
        self.failures = FailureLog()
        self.config = deepcopy(config_in_use() or {})
        if (
            "records" in self.config
        ):  # on a worker there is no run to ask; where a case is made counts for nothing
            names = [name for name in config_names() if name != "configs/modes/cluster.yaml"]
            self.config["records"]["configs"] = names
        if self.store is not None or any(is_url(item["image"]) for item in self.cases):
            # A scene that names the scan would name a file that is gone after the run.
            self.config["geometry"].setdefault("scene", "results")
        if not self.cases:
            raise InputError("there is no case to run on: the chosen part of the data set is empty")

    def check(self, dataset_dir: Any) -> None:
        """Check that results can be written.

        Raises:
            InputError: they cannot, or they would lie among the scans.
        """
        given = dataset_dir if isinstance(dataset_dir, (list, tuple)) else [dataset_dir]
        if self.store is None:
            check_output_dir(self.output_dir, [path for path in given if not is_url(path)])
        elif any(f"{self.store.url}/".startswith(f"{str(path).rstrip('/')}/") for path in given):
            raise InputError(
                f"output_dir '{self.output_dir}' is the folder of the scans or lies in it, where a later run "
                "would take results for scans; give another one."
            )
        else:
            self.store.check()

    def run(self, pages: bool = True) -> None:
        """Run all cases; returns when each is finished or has failed.

        Args:
            pages: make the page of the cohort.

        Raises:
            InputError: no cluster answers, or the workers cannot start.
            RunFailed: the cluster has no room for a worker.
        """
        if self.store is None:
            self._run(Path(self.output_dir))
            if pages:
                print("pages:", write_index(self.output_dir))
            return
        with ScratchFolder() as scratch:
            folder = Path(scratch) / self.store.url.rpartition("/")[2]  # its name is the page's heading
            folder.mkdir()
            try:
                self._run(folder)
                if pages:
                    self.store.mirror(folder)
                    write_index(folder)
                    print(f"pages: {self.store.url}/{INDEX}")
            finally:
                self.store.upload(folder, [path.name for path in folder.iterdir() if path.is_file()])

    def _run(self, out: Path) -> None:
        """Run all cases; log and table go to a folder of this machine."""
        in_hand: dict[Any, str] = {}
        self.failures.begin({item["case"]: item["image"] for item in self.cases})
        with ExitStack() as stack:
            ray = stack.enter_context(connected(self.address, self.local_cpus))
            on_cpu = str(self.config.get("device")) == "cpu"
            room, num_gpus = room_for(ray, self.num_cpus, self.num_gpus, on_cpu)
            if not num_gpus and str(self.config.get("device")).startswith("cuda"):
                raise InputError("device is cuda, and a worker has no GPU; give cluster#num_gpus, such as 1.")
            if not num_gpus:  # else all would share the first one that they see
                self.config["device"] = "cpu"
            threads = max(1, int(self.num_cpus))
            actor = ray.remote(CaseWorker).options(num_cpus=self.num_cpus, num_gpus=num_gpus)
            config, folder = ray.put(self.config), os.getcwd()
            gathered = Gathered(out, self.cases, self.failures)
            url = None if self.store is None else self.store.url
            stack.callback(gathered.close)

            def started(worker: Any) -> None:
                start_log(out)
                # A worker has the settings that the cases are made with. One that ends here ends again with a
                # case, of which `spread` tells.
                with suppress(ray.exceptions.RayError):
                    for line in ray.get(worker.replacing.remote([item["case"] for item in self.cases])):
                        logger.warning("%s", line)

            def answered(item: Mapping[str, str], answer: Mapping[str, Any]) -> None:
                if answer["reason"] == LOST:
                    self._clear(item["case"])
                gathered.add(item, answer)

            try:
                spread(
                    ray,
                    lambda: actor.remote(config, folder, url, threads),
                    self.workers or room,
                    self.cases,
                    started,
                    answered,
                    self.retries,
                    self.losses,
                    in_hand,
                )
            except BaseException:
                self._stop(ray, in_hand)
                raise
            gathered.finish(f"{self.output_dir}/{SUMMARY}")

    def _stop(self, ray: Any, in_hand: Mapping[Any, str]) -> None:
        """End the workers at once and remove what they have half made."""
        for worker in in_hand:
            ray.kill(worker)
        time.sleep(1.0 if in_hand else 0.0)  # a signal to another machine
        for case in in_hand.values():
            self._clear(case)

    def _clear(self, case: str) -> None:
        """Remove what there is of a case that is not whole."""
        if self.store is not None:
            if self.store.read(case) is None:
                self.store.clear(case)
        elif not Path(self.output_dir, case, f"{case}.json").is_file():
            clear_case(self.output_dir, case)


def _check(workers: int | None, num_cpus: float, num_gpus: float | None, counts: Mapping[str, int]) -> None:
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise InputError(f"cluster#workers is {workers!r}; it must be a whole number from 1 on, or null.")
    for name, value in (("num_cpus", num_cpus), ("num_gpus", num_gpus)):
        if value is not None and (not isinstance(value, (int, float)) or value < 0 or value > 1e4):
            raise InputError(f"cluster#{name} is {value!r}; it must be a number from 0 on, such as 1.")
    for name, count in counts.items():
        if not isinstance(count, int) or count < 0:
            raise InputError(f"cluster#{name} is {count!r}; it must be a whole number from 0 on, such as 1.")
    if not num_cpus and not num_gpus:
        raise InputError("cluster#num_cpus is 0; give each worker a part of a core, such as 0.5.")
