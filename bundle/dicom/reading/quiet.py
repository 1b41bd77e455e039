"""pydicom without its warnings, which quote the values that they find fault with, names among them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import config

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Within it pydicom takes values as they are, and says nothing of them."""
    logger, settings = logging.getLogger("pydicom"), config.settings
    level, mode = logger.level, settings.reading_validation_mode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL + 1)
        settings.reading_validation_mode = config.IGNORE
        try:
            yield
        finally:
            logger.setLevel(level)
            settings.reading_validation_mode = mode
