"""A run sets up the logging of the whole process: here it ends with the run."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def logging_kept(*, cleared: bool = False) -> Iterator[None]:
    """Put every logger's handlers, level and propagation back; ``cleared``: and begin without handlers.

    Within it there is no handler of a stream that is closed: what an earlier test captured.
    """
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.Logger.manager.loggerDict))]
    before = [(lg, lg.handlers, lg.level, lg.propagate, lg.disabled) for lg in loggers]
    for logger in loggers:
        open_ones = [h for h in logger.handlers if not getattr(getattr(h, "stream", None), "closed", False)]
        logger.handlers = [] if cleared else open_ones
    try:
        yield
    finally:
        for logger, handlers, level, propagate, disabled in before:
            logger.handlers, logger.propagate, logger.disabled = handlers, propagate, disabled
            logger.setLevel(level)
