"""A script or a study, called in this process as its command line would be."""

from __future__ import annotations

import sys
from collections.abc import Callable

from shared import run
from study import studies


def call(main: Callable, *arguments) -> int:
    """The exit code of a script whose function is `main`; its last sentence goes to stderr."""
    try:
        run(main, "", list(map(str, arguments)))
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    return 0


def study(*arguments) -> int:
    """The exit code of ``python scripts/study.py ...``."""
    words = list(map(str, arguments))
    return call(studies(words), *words)
