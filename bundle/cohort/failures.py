"""The cases of a run that failed, each with its reason: one list for all that is done with a case."""

from __future__ import annotations

import logging
import traceback as tracebacks
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bundle.common.errors import RunFailed, find_input_error, first_cause
from bundle.common.processes import gathered

__all__ = ["FailureLog", "Fault", "fault_of"]

logger = logging.getLogger(__name__)


class Fault(NamedTuple):
    """What is said of an error.

    reason: one sentence. trace: the traceback of what may be a fault of the program, else "". may_pass:
    whether the case may pass on another machine, or later; on bad input none does.
    """

    reason: str
    trace: str
    may_pass: bool


def fault_of(error: Exception) -> Fault:
    """What is said of an error that ended a case."""
    known, cause = find_input_error(error), first_cause(error)
    if known is not None:
        return Fault(str(known), "", isinstance(known, RunFailed))
    trace = "".join(tracebacks.format_exception(error)).rstrip()
    return Fault(f"{type(cause).__name__}: {cause}", trace, True)


class FailureLog:
    """What went wrong with which case: ``{"case", "image", "reason"}`` each, in the order of the failures.

    The reason is one sentence. A traceback is logged for anything but bad input, for it may be a fault of the
    program.

    Example:
        >>> failures = FailureLog()
        >>> failures.note("17", InputError("'17.nii.gz' is empty (0 bytes): copy or download it again"))
        >>> [entry["case"] for entry in failures]
        ['17']

    Attributes:
        traces: the traceback of each case that failed on anything but bad input.
        may_pass: the cases that failed on a fault of the program, or of this machine (a full disk): bad input
            fails anywhere.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []
        self.images: dict[str, str] = {}
        self.traces: dict[str, str] = {}
        self.may_pass: set[str] = set()

    def __getitem__(self, number: int) -> dict[str, str]:
        return self.entries[number]

    def __iter__(self) -> Iterator[dict[str, str]]:
        return iter(self.entries.copy())  # several threads add to it

    def __len__(self) -> int:
        return len(self.entries)

    def begin(self, images: Mapping[str, Any]) -> None:
        """Forget an earlier run; this one has these cases, name to path of the scan."""
        self.entries, self.traces, self.may_pass = [], {}, set()
        self.images = {case: str(image) for case, image in images.items()}

    def note(self, case: str, error: Exception) -> None:
        """Add ``case`` with the reason of ``error``, the first one where it fails twice."""
        fault = fault_of(error)
        if fault.may_pass:
            self.may_pass.add(case)
        self.add(case, fault.reason, fault.trace)

    def add(self, case: str, reason: str, trace: str = "") -> None:
        """Add ``case`` with its reason, the first one where it fails twice; the traceback goes to the log."""
        if all(entry["case"] != case for entry in self.entries):
            self.entries.append({"case": case, "image": self.images.get(case, ""), "reason": reason})
            if trace:
                self.traces[case] = trace
        logger.error("case '%s' failed: %s%s", case, reason, f"\n{trace}" if trace else "")

    def finish(self, where: str | None = None) -> None:
        """The end of the run, on every process of it.

        Args:
            where: a file that lists all cases, named in the sentence.

        Raises:
            RunFailed: a case failed, so that the exit code says it; the results of the others stand.
        """
        failed = gathered(self.entries)
        if failed:
            total = max(len(self.images), len(failed))
            counts = f"{len(failed)} of {total} {'case' if total == 1 else 'cases'} failed"
            see = "" if where is None else f"; see {where}"
            raise RunFailed(f"{counts}, first '{failed[0]['case']}': {failed[0]['reason']}{see}")
