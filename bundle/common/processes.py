"""What a run on several GPUs asks of its processes, one a GPU, as torchrun starts them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import ignite.distributed as idist
import torch
import torch.distributed as dist

from bundle.common.errors import InputError

__all__ = ["gathered", "join_processes", "local_device", "on_first_process", "require_a_case_each"]


def local_device() -> torch.device:
    """The GPU of this process by its number on this machine; the CPU where there is no GPU.

    Raises:
        InputError: not started by torchrun, or more processes than GPUs.
    """
    number = os.environ.get("LOCAL_RANK")
    if number is None:
        raise InputError(
            "the multi_gpu configs need torchrun, which starts a process a GPU: "
            "torchrun --standalone --nnodes=1 --nproc_per_node=2 -m monai.bundle run ..."
        )
    if not torch.cuda.is_available():
        return torch.device("cpu")
    gpus = torch.cuda.device_count()
    if int(number) >= gpus:
        raise InputError(
            f"torchrun started {os.environ['LOCAL_WORLD_SIZE']} processes on a machine with {gpus} GPUs; "
            f"give --nproc_per_node={gpus} or less."
        )
    return torch.device("cuda", int(number))


def join_processes(device: torch.device | str, backend: str | None = None, hours: float = 1.0) -> None:
    """Make this process one of those that torchrun started; only the first one logs more than warnings.

    Args:
        device: of this process.
        backend: of torch.distributed; None takes NCCL on GPUs, else gloo.
        hours: that a process waits for another one.
    """
    device = torch.device(device)
    backend = backend or ("nccl" if device.type == "cuda" else "gloo")
    dist.init_process_group(backend, timeout=timedelta(hours=hours))
    idist.sync()  # Ignite greets all processes at its first use, which may be on one alone
    if device.type == "cuda":
        torch.cuda.set_device(device)
    logging.getLogger().setLevel(logging.WARNING if dist.get_rank() > 0 else logging.INFO)


def on_first_process(function: Callable[..., Any], *arguments: Any) -> None:
    """Call ``function`` on the first process, or the only one, while the others wait for its end.

    Raises:
        InputError: on every process, where the function raised one.
    """
    if not dist.is_initialized():
        function(*arguments)
        return
    fault: list[str | None] = [None]
    if dist.get_rank() == 0:
        try:
            function(*arguments)
        except InputError as error:
            fault = [str(error)]
    dist.broadcast_object_list(fault)
    if fault[0] is not None:
        raise InputError(fault[0])


def require_a_case_each(cases: Sequence[Any], part: str) -> None:
    """Check that every process gets a case, for the metrics that they sum up have none from nothing.

    Raises:
        InputError: there are cases, but fewer than processes.
    """
    processes = dist.get_world_size()
    if 0 < len(cases) < processes:
        raise InputError(
            f"{part} has {len(cases)} cases for {processes} processes, and each needs one; "
            f"give more cases to {part}, or --nproc_per_node={len(cases)} or less."
        )


def gathered(items: list[Any]) -> list[Any]:
    """The items of all processes, in the order of their ranks; every process gets the list."""
    return [item for share in idist.all_gather(items) for item in share]
