"""How fast a training run is and how much memory it takes."""

from __future__ import annotations

import resource
import sys
import time

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from .writer import RunWriter

__all__ = ["SpeedLog", "peak_memory_gib"]


def peak_memory_gib(device: torch.device | str) -> float:
    """The most memory that this process has held so far, GiB: PyTorch's on a GPU, on the CPU all of it."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


class SpeedLog:
    """Write ``speed/samples_per_second`` and ``speed/peak_memory_gib`` once an epoch.

    The time runs from the start of the epoch to the end of its last training step, without validation, and
    with the waiting for data; the samples are those of all processes. Attach it after `Curves`, which
    opens the writer.
    """

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer
        self._start = 0.0
        self._samples = 0
        self._speed = 0.0

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self.epoch_started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.epoch_completed)

    def epoch_started(self, _: Engine) -> None:
        self._start = time.perf_counter()
        self._samples = 0

    def iteration_completed(self, engine: Engine) -> None:
        self._samples += len(engine.state.output["image"])
        if engine.state.iteration % engine.state.epoch_length == 0:
            device = torch.device(engine.state.device)
            if device.type == "cuda":
                torch.cuda.synchronize(device)  # once an epoch
            self._speed = idist.get_world_size() * self._samples / (time.perf_counter() - self._start)

    def epoch_completed(self, engine: Engine) -> None:
        step = engine.state.iteration
        self.writer.events.add_scalar("speed/samples_per_second", self._speed, step)
        self.writer.events.add_scalar("speed/peak_memory_gib", peak_memory_gib(engine.state.device), step)
