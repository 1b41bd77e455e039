"""How far a long step is: a bar on a terminal, else a line in the log now and then."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType

from tqdm import tqdm

from bundle.common.duration import duration

__all__ = ["Counted"]

logger = logging.getLogger(__name__)
_EVERY_S = 60.0


class Counted:
    """A count of things whose number is not known before: ``with Counted("windows") as count``.

    Args:
        what: the things, in the plural.
        shown: false says nothing.
    """

    def __init__(self, what: str, shown: bool = True) -> None:
        self.what, self.shown = what, shown

    def __enter__(self) -> Counted:
        self._bar = tqdm(desc=self.what, unit="", disable=None if self.shown else True)
        self._in_lines = self.shown and not sys.stderr.isatty()
        self._count, self._begin = 0, time.monotonic()
        self._said = self._begin
        return self

    def update(self, count: int = 1) -> None:
        """So many more are done."""
        self._bar.update(count)
        self._count += count
        now = time.monotonic()
        if self._in_lines and now - self._said >= _EVERY_S:
            self._said = now
            logger.info("%d %s after %s", self._count, self.what, duration(now - self._begin))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
