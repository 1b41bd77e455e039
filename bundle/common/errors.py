"""One sentence for a person instead of a traceback, where the input is at fault."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import TypeVar

__all__ = ["InputError", "RunFailed", "find_cause", "find_input_error", "plain_errors"]

Cause = TypeVar("Cause", bound=BaseException)


class InputError(ValueError):
    """The input is at fault, not the program.

    The message is one sentence for a person: it names the file or folder, says what is wrong with it and
    what would be right.

    Attributes:
        exit_code: of a program that it ends.
    """

    exit_code = 2


class RunFailed(InputError):
    """What was typed is right, and the run failed on what it met: on a case, or on a full disk."""

    exit_code = 1


def _chain(error: BaseException) -> Iterator[BaseException]:
    """``error`` and everything that it was raised from or raised during, outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        # The cause is looked at before the context: it is what the author of the wrapper pointed at.
        waiting.extend(e for e in (current.__context__, current.__cause__) if e is not None)


def find_cause(error: BaseException, kind: type[Cause]) -> Cause | None:
    """The first exception of a kind in the chain of ``error``, or None.

    MONAI wraps what a transform or a config item raises in a ``RuntimeError``; what was raised is then
    further down the chain.
    """
    return next((e for e in _chain(error) if isinstance(e, kind)), None)


def find_input_error(error: BaseException) -> InputError | None:
    """The first `InputError` in the chain of ``error``, or None."""
    return find_cause(error, InputError)


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    found = find_input_error(error)
    if found is None:
        _previous_hook(kind, error, trace)
    else:
        # torch.distributed catches what its hook's hook prints, and loses it when that one raises.
        print(f"error: {found}", file=sys.__stderr__, flush=True)
        raise SystemExit(found.exit_code)  # of a hook, the interpreter takes it as the program's own


_previous_hook = sys.__excepthook__


def plain_errors() -> None:
    """End a run that fails on its input with ``error: <sentence>`` on stderr and its exit code, no traceback.

    Every other exception goes to the hook that was installed before. Calling it again changes nothing.
    """
    global _previous_hook
    if sys.excepthook is not _show:
        _previous_hook = sys.excepthook
        sys.excepthook = _show
