"""Ray: started on this machine or joined where it runs, and how many workers it has room for."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bundle
from bundle.common.errors import InputError, RunFailed

__all__ = ["connected", "import_ray", "room_for"]

_STORE_BYTES = 100_000_000  # of Ray's object store on this machine: cases go as paths, results as files


def import_ray() -> Any:
    """The package `ray`, without its report of use to its makers.

    Raises:
        InputError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise InputError(
            "a run on a cluster needs Ray, which is not installed; run: pip install 'ray>=2.50'."
        ) from None
    return ray


@contextmanager
def connected(address: str, cpus: float | None = None) -> Iterator[Any]:
    """Ray for as long as the block lasts.

    Args:
        address: "local" starts Ray on this machine for this run alone; "auto" joins the cluster that this
            machine is part of; ``ray://HOST:10001`` joins one from outside; ``HOST:6379`` from a node of it.
        cpus: cores of "local"; None takes all.

    Raises:
        InputError: Ray is not installed, the address is none of these, or no cluster answers there.
    """
    ray = import_ray()
    _check_address(address)
    # This package, where a node has it at the same path and has not installed it.
    path = {"PYTHONPATH": f"{Path(bundle.__file__).parents[1]}:${{PYTHONPATH}}"}
    options: dict[str, Any] = {"address": address, "runtime_env": {"env_vars": path}}
    options |= {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        options |= {"include_dashboard": False, "object_store_memory": _STORE_BYTES, "num_cpus": cpus}
    if ray.is_initialized():  # by the program that this run is part of
        yield ray
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(**options)
    except (ConnectionError, TimeoutError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split()).rstrip(".")[:200]
        raise InputError(
            f"no Ray cluster answers at '{address}' ({type(error).__name__}: {said}); start one with 'ray "
            "start --head', or give 'local'; one that asks for a token needs RAY_AUTH_MODE=token, and it."
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    host, _, port = str(address).removeprefix("ray://").rpartition(":")
    if address not in ("local", "auto") and not (host and port.isdecimal()):
        raise InputError(f"the cluster is '{address}'; it is local, auto, ray://HOST:10001 or HOST:6379.")


def room_for(ray: Any, num_cpus: float, num_gpus: float | None, on_cpu: bool) -> tuple[int, float]:
    """How many workers the cluster has room for, and the GPUs that each of them takes.

    Args:
        ray: as `connected` gives it.
        num_cpus: cores of a worker.
        num_gpus: GPUs of a worker, or a part of one; None is one where the cluster has any, else none.
        on_cpu: the run is to be on CPUs, so None is none.

    Raises:
        RunFailed: no node has room for one.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if num_gpus is None:
        num_gpus = 1.0 if not on_cpu and any(node.get("GPU") for node in nodes) else 0.0
    wanted = {"CPU": num_cpus, "GPU": num_gpus}
    count = sum(
        min(int(node.get(kind, 0) / amount + 1e-9) for kind, amount in wanted.items() if amount)
        for node in nodes
    )
    if count == 0:
        has = ", ".join(f"{node.get('CPU', 0):g} cores and {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise RunFailed(
            f"no node of the cluster has room for a worker of {num_cpus:g} cores and {num_gpus:g} GPUs "
            f"(it has {has}); change cluster#num_cpus or cluster#num_gpus."
        )
    return count, num_gpus
