"""Cases handed out to workers, one at a time each; a case that loses its worker is begun again on another."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bundle.common.errors import InputError, RunFailed

__all__ = ["LOST", "spread"]

logger = logging.getLogger(__name__)
_WAIT_S = 0.5
LOST = "its worker ended at work on it, which a lack of memory does; see docs/how-to/cluster.md"


@dataclass
class Task:
    """A case on its way: the item of the data list, how often it failed and how many workers it lost."""

    item: Mapping[str, str]
    failures: int = 0
    losses: int = 0


def spread(
    ray: Any,
    new_worker: Callable[[], Any],
    count: int,
    items: Sequence[Mapping[str, str]],
    started: Callable[[Any], None],
    answered: Callable[[Mapping[str, str], dict[str, Any]], None],
    retries: int = 1,
    losses: int = 3,
    in_hand: dict[Any, str] | None = None,
) -> None:
    """Run all cases on workers.

    Ray places the workers and tells of those that end. Its ``ActorPool`` does not say which case a lost
    worker had, and Ray's own retry of a call waits for the same worker to come back, so until its node does.
    Here the case goes behind those that wait, so to whichever worker is free then. A worker that was lost, or
    that met anything but bad input (after an error of CUDA every later case would fail), is replaced.

    Args:
        ray: the package, connected.
        new_worker: makes an actor of `CaseWorker`.
        count: of workers.
        items: of the data list, each with a "case".
        started: called with the first worker that has its network.
        answered: called with each item and the answer of `CaseWorker.run`, in the order of their ends.
        retries: of a case that failed on anything but bad input.
        losses: so many workers may end at work on one case, and it is begun again.
        in_hand: is kept filled with the cases that are being worked on, by worker.

    Raises:
        InputError: a worker cannot start for its input, and none has started yet.
        RunFailed: workers end again and again before they have begun.
    """
    waiting = deque(Task(item) for item in items)
    running: dict[Any, tuple[Any, Task | None]] = {}
    in_hand = {} if in_hand is None else in_hand
    idle: list[Any] = []
    failed_starts, has_begun = 0, False

    def begin() -> None:
        worker = new_worker()
        running[worker.start.remote(items[0])] = (worker, None)

    def replace(worker: Any) -> None:
        ray.kill(worker)
        begin()

    for _ in range(min(count, len(items))):
        begin()
    while waiting or any(task is not None for _, task in running.values()):
        while waiting and idle:
            worker, task = idle.pop(), waiting.popleft()
            in_hand[worker] = task.item["case"]
            running[worker.run.remote(task.item)] = (worker, task)
        done, _ = ray.wait(list(running), timeout=_WAIT_S)  # short, so that Ctrl+C is answered
        for ref in done:
            worker, task = running.pop(ref)
            in_hand.pop(worker, None)
            answer = _answer(ray, ref)
            if task is None:
                if not answer["reason"]:
                    if not has_begun:
                        started(worker)
                    failed_starts, has_begun = 0, True
                    idle.append(worker)
                    continue
                failed_starts += 1
                _give_up(answer | {"input": answer["input"] and not has_begun}, failed_starts, count)
                replace(worker)
            elif answer["again"]:
                replace(worker)
                if _is_over(task, answer["reason"], retries, losses):
                    answered(task.item, answer)
                else:
                    waiting.append(task)  # one that ends its workers must not hold up the others
            else:
                idle.append(worker)
                answered(task.item, answer)


def _answer(ray: Any, ref: Any) -> dict[str, Any]:
    """What a worker gave back, or what is to be said of its end."""
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as error:  # it lives, and its answer was an exception
        reason, trace = f"{type(error.cause).__name__}: {error.cause}", str(error)
    except ray.exceptions.RayError as error:
        reason, trace = LOST, str(error)
    return {"row": {}, "reason": reason, "trace": trace or reason, "input": False, "again": True}


def _is_over(task: Task, reason: str, retries: int, losses: int) -> bool:
    """Count what happened to a case, and say whether it has failed for good."""
    is_lost = reason == LOST
    task.losses += is_lost
    task.failures += not is_lost
    if task.losses > losses or task.failures > retries:
        return True
    logger.warning("case '%s' is begun again on another worker: %s", task.item["case"], reason)
    return False


def _give_up(answer: dict[str, Any], failed_starts: int, count: int) -> None:
    if answer["input"]:
        raise InputError(answer["reason"])
    why = answer["trace"].strip().splitlines()[-1] if answer["reason"] == LOST else answer["reason"]
    logger.warning("a worker could not start: %s", why)
    if failed_starts > max(3, 2 * count):
        raise RunFailed(f"{failed_starts} workers in a row could not start, the last one: {why[:300]}")
