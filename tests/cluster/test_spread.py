"""Cases and their workers, where workers end, break or cannot start; without Ray."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import pytest

from bundle.cluster.spread import LOST, spread
from bundle.common.errors import InputError, RunFailed


class Lost(Exception):
    """As Ray says that an actor is gone."""


class Actor(NamedTuple):
    number: int
    start: object
    run: object

    def __hash__(self):
        return self.number


class Cluster:
    """Stands for the package `ray`: calls are made at once, their answers fetched later.

    ``fate`` of a case, or of "start", says what each call of it in turn does: "ok", "lost", "fault", "full",
    "bad".
    """

    def __init__(self, **fate):
        self.fate = {name: list(steps) for name, steps in fate.items()}
        self.made, self.killed, self.log = 0, [], []
        self.exceptions = SimpleNamespace(RayError=Lost, RayTaskError=KeyError)

    def worker(self):
        self.made += 1
        number = self.made
        start = SimpleNamespace(remote=lambda item: self._call(number, "start"))
        run = SimpleNamespace(remote=lambda item: self._call(number, item["case"]))
        return Actor(number, start, run)

    def _call(self, number, name):
        steps = self.fate.get(name, [])
        step = steps.pop(0) if steps else "ok"
        if name != "start":
            self.log.append((name, number))
        return (len(self.log), number, name, step)

    def wait(self, refs, timeout):
        return refs[:1], refs[1:]

    def get(self, ref):
        name, step = ref[2:]
        if step == "lost":
            raise Lost("its process was killed")
        reason = {"ok": "", "fault": "ValueError: 3", "full": "the disk is full", "bad": "'b.nii' is empty"}
        about = {"trace": "Traceback ..." if step == "fault" else "", "input": step == "bad"}
        return {"row": {"case": name}, "reason": reason[step], "again": step in ("fault", "full")} | about

    def kill(self, worker):
        self.killed.append(worker.number)


def run(cluster, cases="abcd", workers=2, **options):
    """The reason of every case, "" where it is done."""
    answers: dict[str, str] = {}

    def answered(item, answer):
        assert item["case"] not in answers
        answers[item["case"]] = answer["reason"]

    items = [{"case": case, "image": f"{case}.nii"} for case in cases]
    spread(cluster, cluster.worker, workers, items, lambda worker: None, answered, **options)
    return answers


def test_every_case_runs_once_and_no_more_workers_start_than_cases():
    cluster = Cluster()
    assert run(cluster, "abc", workers=8) == {"a": "", "b": "", "c": ""}
    assert sorted(case for case, _ in cluster.log) == ["a", "b", "c"]
    assert cluster.made == 3 and cluster.killed == []


@pytest.mark.parametrize("fate", ["lost", "fault", "full"])
def test_a_case_that_loses_its_worker_or_breaks_is_begun_again_on_another_one(fate, caplog):
    cluster = Cluster(b=[fate])
    assert run(cluster) == {"a": "", "b": "", "c": "", "d": ""}
    first, second = [number for case, number in cluster.log if case == "b"]
    assert cluster.log[-1] == ("b", second)  # a case that ends its workers does not hold up the others
    assert first != second and cluster.killed == [first]
    assert all(number != first for _, number in cluster.log[cluster.log.index(("b", first)) + 1 :])
    assert "case 'b' is begun again on another worker" in caplog.text


def test_bad_input_fails_the_same_way_again_so_it_is_not_begun_again():
    cluster = Cluster(b=["bad"])
    assert run(cluster)["b"] == "'b.nii' is empty"
    assert [case for case, _ in cluster.log].count("b") == 1 and cluster.killed == []


def test_a_case_that_breaks_twice_or_takes_worker_after_worker_fails_and_the_others_are_done():
    cluster = Cluster(b=["fault"] * 9, c=["lost"] * 9)
    assert run(cluster, retries=1, losses=3) == {"a": "", "b": "ValueError: 3", "c": LOST, "d": ""}
    begun = [case for case, _ in cluster.log]
    assert begun.count("b") == 2 and begun.count("c") == 4


def test_a_worker_that_cannot_start_is_replaced():
    cluster = Cluster(start=["lost", "ok", "fault"])
    assert set(run(cluster).values()) == {""}
    assert cluster.killed == [1, 3]


def test_workers_of_which_none_can_start_end_the_run():
    with pytest.raises(RunFailed, match="5 workers in a row could not start, the last one: ValueError: 3"):
        run(Cluster(start=["fault"] * 99))


def test_what_every_worker_would_find_ends_the_run_at_once():
    cluster = Cluster(start=["bad"])
    with pytest.raises(InputError, match=r"'b\.nii' is empty"):
        run(cluster)
    assert cluster.log == []


def test_a_worker_that_finds_nothing_on_its_machine_does_not_end_a_run_that_goes_on():
    cluster = Cluster(start=["ok", "bad"])
    assert set(run(cluster).values()) == {""}
    assert cluster.killed == [2]


def test_which_cases_are_in_hand_is_known_where_the_run_is_stopped():
    in_hand: dict = {}

    class Stopped(Cluster):
        def wait(self, refs, timeout):
            if len(self.log) == 2:
                raise KeyboardInterrupt
            return super().wait(refs, timeout)

    with pytest.raises(KeyboardInterrupt):
        run(Stopped(), in_hand=in_hand)
    assert sorted(in_hand.values()) == ["a", "b"]
