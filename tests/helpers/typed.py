"""Commands as a person types them, in this process: starting Python takes seconds."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import fire
from logging_kept import logging_kept
from monai.bundle import run

from bundle.command import main

ROOT = Path(__file__).resolve().parents[2]


class Answer(NamedTuple):
    """What a terminal would show."""

    code: int
    out: str
    last: str
    """The last line of stderr."""
    err: str


def typed(monkeypatch, *words) -> Answer:
    """`python -m monai.bundle run ...` in the bundle's root.

    An exception that ends the run goes the way that it goes in a terminal.
    """
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # the run installs its own

    def program() -> None:
        try:
            fire.Fire(run, command=[str(word) for word in words], name="run")
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)

    return _answer(monkeypatch, program)


def coronary(monkeypatch, *words) -> Answer:
    """`coronary ...` in the working folder."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    return _answer(monkeypatch, lambda: main([str(word) for word in words]))


def sets(**keys) -> list[str]:
    """Words that give keys of a config."""
    texts = {key: json.dumps(v) if isinstance(v, (dict, list, bool)) else v for key, v in keys.items()}
    return [word for key, text in texts.items() for word in ("--set", f"{key}={text}")]


def _answer(monkeypatch, program: Callable[[], None]) -> Answer:
    out, err, code = io.StringIO(), io.StringIO(), 0
    monkeypatch.setattr(sys, "__stderr__", err)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), logging_kept():
        try:
            program()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            for handler in logging.getLogger().handlers:
                handler.flush()
    return Answer(code, out.getvalue(), (err.getvalue().strip().splitlines() or [""])[-1], err.getvalue())
