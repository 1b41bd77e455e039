"""A limit to how long a piece of work may take, kept by the loops that can take long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["OutOfTime", "check_time", "time_limit"]

_until: ContextVar[float | None] = ContextVar("until", default=None)


class OutOfTime(Exception):
    """The work took longer than it may."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Within it, in this thread, `check_time` raises after so many seconds; 0 is no limit."""
    token = _until.set(time.monotonic() + seconds if seconds > 0 else None)
    try:
        yield
    finally:
        _until.reset(token)


def check_time() -> None:
    """For every round of a loop.

    Raises:
        OutOfTime: the `time_limit` around it, if there is one, is over.
    """
    until = _until.get()
    if until is not None and time.monotonic() > until:
        raise OutOfTime
