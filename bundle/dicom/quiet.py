"""pydicom and highdicom without their messages, which quote values and UIDs, names among them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Within it pydicom takes values as they are, and neither says anything of them."""
    loggers, settings = [logging.getLogger(name) for name in ("pydicom", "highdicom")], config.settings
    levels, mode = [logger.level for logger in loggers], settings.reading_validation_mode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        settings.reading_validation_mode = config.IGNORE
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels):
                logger.setLevel(level)
            settings.reading_validation_mode = mode
