"""One sentence for a person instead of a traceback, where the input is at fault."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback as tracebacks
from collections.abc import Iterator
from multiprocessing.dummy import DummyProcess
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TypeVar

from tqdm import tqdm

__all__ = ["InputError", "RunFailed", "end_program", "find_cause", "find_input_error", "first_cause",
           "plain_errors", "show_tracebacks", "tracebacks_shown"]  # fmt: skip

Cause = TypeVar("Cause", bound=BaseException)

_PATIENCE_S = 30.0


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


def first_cause(error: BaseException) -> BaseException:
    """What was raised at first: MONAI and Ignite wrap it, some more than once."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _sentence(error: BaseException, option: str) -> tuple[str, int]:
    """What a person reads of an exception that ended the program, and the program's exit code."""
    known = find_input_error(error)
    if known is not None:
        return str(known), known.exit_code
    if find_cause(error, KeyboardInterrupt) is not None:
        return "stopped by Ctrl+C.", 130
    cause = first_cause(error)
    said = " ".join(str(cause).split()) or "no reason given"
    frames = tracebacks.extract_tb(cause.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(cause).__name__}: {said}{where}; {option} shows the way there.", 1


def end_program(error: BaseException, option: str = "--traceback true") -> NoReturn:
    """End the program with ``error: <sentence>`` on stderr, and its exit code: see `plain_errors`.

    Args:
        error: what ends it.
        option: that shows the traceback, for the sentence about a fault of the program.

    Raises:
        SystemExit: always.
    """
    kind, trace = type(error), error.__traceback__
    sentence, code = _sentence(error, option)
    if _with_traceback:
        _previous_hook(kind, error, trace)
    elif find_input_error(error) is None:
        # Perhaps a fault of the program: the run's log keeps what the console is spared.
        record = logging.LogRecord(__name__, logging.ERROR, __file__, 0, sentence, (), (kind, error, trace))
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handle(record)
    # torch.distributed catches what its hook's hook prints, and loses it when that one raises.
    _wait_for_pools()
    for bar in list(tqdm._instances):  # tqdm has no public list of its open bars
        bar.close()
    print(f"error: {sentence}", file=sys.__stderr__, flush=True)
    raise SystemExit(code)  # of a hook, the interpreter takes it as the program's own


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    end_program(error)


def _wait_for_pools() -> None:
    """Let the threads of a pool finish what they have in hand: a pool that an error ends does not wait.

    Python ends such a thread by force when it exits itself, and where it was in C++, as a transform is, the
    whole program aborts behind its last sentence.
    """
    deadline = time.monotonic() + _PATIENCE_S
    for thread in threading.enumerate():
        if isinstance(thread, DummyProcess) and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))


_previous_hook = sys.__excepthook__
_with_traceback = False


def plain_errors(traceback: bool = False) -> None:
    """End a run that fails with ``error: <sentence>`` on stderr and its exit code, no traceback.

    A mistake in what was typed has exit code 2 and Ctrl+C 130; all else has 1, and its traceback goes to the
    run's log where there is one. Calling it again changes ``traceback`` alone.

    Args:
        traceback: show it, before the sentence.
    """
    global _previous_hook
    show_tracebacks(traceback)
    if sys.excepthook is not _show:
        _previous_hook = sys.excepthook
        sys.excepthook = _show


def show_tracebacks(shown: bool) -> None:
    """Whether a traceback stands before the sentence that ends the program."""
    global _with_traceback
    _with_traceback = shown


def tracebacks_shown() -> bool:
    """What `show_tracebacks` or `plain_errors` was told last."""
    return _with_traceback
