"""A run sets up the logging of the whole process: here it ends with the run."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def logging_kept(*, cleared: bool = False) -> Iterator[None]:
    """Put every logger's handlers, level and propagation back; ``cleared``: and begin without handlers."""
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.Logger.manager.loggerDict))]
    before = [(lg, lg.handlers, lg.level, lg.propagate, lg.disabled) for lg in loggers]
    for logger in loggers:
        logger.handlers = [] if cleared else logger.handlers[:]
    try:
        yield
    finally:
        for logger, handlers, level, propagate, disabled in before:
            logger.handlers, logger.propagate, logger.disabled = handlers, propagate, disabled
            logger.setLevel(level)
