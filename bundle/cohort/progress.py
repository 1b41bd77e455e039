"""How far a run over many scans is: a bar on a terminal, lines in the log."""

from __future__ import annotations

import logging
import sys
import time

import ignite.distributed as idist
from ignite.engine import Engine, Events
from monai.engines import IterationEvents
from tqdm import tqdm

from bundle.common.duration import duration

__all__ = ["CaseProgress"]

logger = logging.getLogger(__name__)


class CaseProgress:
    """Ignite handler that says which case is in work, at which stage, and how long the others will take.

    On a terminal a bar has the stage. Where output goes to a file, each stage is a line in the log, so that a
    case of minutes is seen to go on. A line for each case that is done stands there either way.

    Every process counts its own part of the cases; the first one draws the bar. Cases that fail, or that an
    earlier run finished, count as done and not for the time of the others. Attach it behind the handlers that
    work on a case, and before the one that prints the table.
    """

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._cases: list[str] = []  # in work

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.GET_BATCH_STARTED, self.stage, "loading")
        engine.add_event_handler(Events.ITERATION_STARTED, self.stage, "network")
        engine.add_event_handler(IterationEvents.FORWARD_COMPLETED, self.stage, "mask")
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.done)
        engine.add_event_handler(Events.COMPLETED, self.close)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._close_and_raise)

    def start(self, engine: Engine) -> None:
        """Begin anew."""
        self.close()
        self.loader = engine.data_loader
        rank, ranks = idist.get_rank(), idist.get_world_size()
        self._count = len(range(rank, len(self.loader.dataset), ranks))
        self._done: set[str] = set()
        self._begin = self._last = time.monotonic()
        if rank == 0 and sys.stderr.isatty():
            self._bar = tqdm(total=self._count, unit="case", leave=False)
        else:
            logger.info("%d %s; the first scan is read", self._count, "case" if self._count == 1 else "cases")

    def stage(self, engine: Engine, name: str) -> None:
        """Show what is being done, and with which case."""
        if name == "network":
            self._cases = [str(case) for case in engine.state.batch["case"]]
        if self._bar is not None:
            self._bar.n = self._finished()
            what = f"{self._shown()}: {name}"
            if name == "loading":
                what = name if self._bar.n < self._count else "last files"
            self._bar.set_description_str(what)
        elif name == "network":
            logger.info(
                "case '%s' begins, %d of %d: network", self._shown(), self._finished() + 1, self._count
            )
        elif name == "mask":
            logger.info("case '%s': mask, on the scan's own grid", self._shown())
        elif self._done and self._finished() == self._count:
            logger.info("surface, centreline and other files of the last case")

    def _shown(self) -> str:
        return ", ".join(self._cases)

    def done(self, engine: Engine) -> None:
        """Say that the cases of this iteration are done; of one that failed the failures have told."""
        now = time.monotonic()
        self._done.update(self._cases)
        finished = self._finished()
        left = self._count - finished
        for item in engine.state.batch:
            seconds = (now - self._begin) / len(self._done) * left
            logger.info(
                "case '%s' is done in %s, %d of %d%s",
                item["case"], duration(now - self._last), finished, self._count,
                f", about {duration(seconds)} to go" if left else "",
            )  # fmt: skip
        self._last = now
        if self._bar is not None:
            self._bar.n = finished
            self._bar.refresh()

    def _finished(self) -> int:
        failed = {entry["case"] for entry in self.loader.failures}
        return len(self._done | failed | set(self.loader.kept))

    def close(self, _: Engine | None = None) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def _close_and_raise(self, engine: Engine, error: BaseException) -> None:
        self.close()
        raise error
