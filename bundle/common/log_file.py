"""The log of a run in its output folder, with what the console is spared."""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import MemoryHandler
from pathlib import Path

import ignite.distributed as idist
from tqdm import tqdm

__all__ = ["LOG", "start_log"]

LOG = "run.log"


class _AboveBars(logging.StreamHandler):
    """Writes its lines above the bars of tqdm, not behind them."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=self.stream)
        except Exception:
            self.handleError(record)


class _UntilFull(logging.FileHandler):
    """Where the disk fills up the log ends with a line on the console; the run says what fails beside it."""

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._ended:
            self._ended = True
            tqdm.write(f"{self.baseFilename} ends here: {error.strerror or error}", file=sys.stderr)

    _ended = False


def start_log(output_dir: str | os.PathLike) -> None:
    """Write the log to ``<output_dir>/run.log`` too, from the beginning of the run on.

    configs/logging.conf keeps everything in memory until the folder is known, so a start that fails leaves
    none; where the logging was set up in another way nothing is done. A later run is added to the file. On
    several processes the first one writes. From now on the console's lines stand above a progress bar.
    """
    if idist.get_rank() != 0:
        return
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.Logger.manager.loggerDict))]
    keeping = {h: [lg for lg in loggers if h in lg.handlers] for lg in loggers for h in lg.handlers
               if isinstance(h, MemoryHandler)}  # fmt: skip
    for memory, users in keeping.items():
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        file = _UntilFull(Path(output_dir) / LOG, encoding="utf-8")
        file.setFormatter(memory.formatter)
        for logger in users:
            logger.removeHandler(memory)
            logger.addHandler(file)
        memory.setTarget(file)
        memory.close()
    for logger in loggers if keeping else ():
        for console in [handler for handler in logger.handlers if type(handler) is logging.StreamHandler]:
            above = _AboveBars(console.stream)
            above.setLevel(console.level)
            above.setFormatter(console.formatter)
            logger.removeHandler(console)
            logger.addHandler(above)
