"""`python -m monai.bundle run ...` as a person types it, in this process: starting Python takes seconds."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from pathlib import Path
from typing import NamedTuple

import fire
from logging_kept import logging_kept
from monai.bundle import run

ROOT = Path(__file__).resolve().parents[2]


class Answer(NamedTuple):
    """What a terminal would show."""

    code: int
    out: str
    last: str
    """The last line of stderr."""


def typed(monkeypatch, *words) -> Answer:
    """Run in the bundle's root; an exception that ends the run goes the way that it goes in a terminal."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # the run installs its own
    out, err, code = io.StringIO(), io.StringIO(), 0
    monkeypatch.setattr(sys, "__stderr__", err)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), logging_kept():
        try:
            fire.Fire(run, command=[str(word) for word in words], name="run")
        except BaseException as error:
            code = 1
            try:
                sys.excepthook(type(error), error, error.__traceback__)
            except SystemExit as end:
                code = int(end.code)
        finally:
            for handler in logging.getLogger().handlers:
                handler.flush()
    return Answer(code, out.getvalue(), (err.getvalue().strip().splitlines() or [""])[-1])
