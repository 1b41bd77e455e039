"""What is said of a run's cases while it goes on."""

import io
import logging
from types import SimpleNamespace

import pytest
from ignite.engine import Engine, Events
from monai.engines import IterationEvents

from bundle.cohort import CaseProgress, progress


class Loader:
    """Four cases: "a" and "d" are worked on, "b" cannot be loaded, "c" was finished before."""

    def __init__(self):
        self.dataset = list("abcd")
        self.failures: list[dict] = []
        self.kept: dict[str, dict] = {}

    def __iter__(self):
        yield {"case": ["a"]}
        self.failures.append({"case": "b"})
        self.kept["c"] = {}
        yield {"case": ["d"]}


def run(work=lambda case: None):
    """An evaluator's life around a `CaseProgress`; `work` is done between network and mask."""

    def iteration(engine, batch):
        engine.fire_event(IterationEvents.FORWARD_COMPLETED)
        work(batch["case"][0])
        engine.state.batch = [{"case": case} for case in batch["case"]]

    engine, loader = Engine(iteration), Loader()
    engine.register_events(*IterationEvents)
    engine.add_event_handler(Events.STARTED, lambda e: setattr(e, "data_loader", loader))
    CaseProgress().attach(engine)
    engine.run(loader)


@pytest.fixture
def clock(monkeypatch):
    """A clock on which every case takes 100 s."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return lambda case: setattr(now, "seconds", now.seconds + 100)


def said_of(clock, caplog):
    caplog.clear()
    with caplog.at_level(logging.INFO, logger=progress.__name__):
        run(clock)
    return [record.getMessage() for record in caplog.records if record.name == progress.__name__]


def test_every_case_is_a_line_with_the_time_of_those_to_come(clock, caplog, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    assert said_of(clock, caplog) == [
        "case 'a' is done in 2 min, 1 of 4, about 5 min to go",
        "case 'd' is done in 2 min, 4 of 4",
    ]


def test_without_a_terminal_each_stage_is_a_line(clock, caplog):
    assert said_of(clock, caplog) == [
        "4 cases; the first scan is read",
        "case 'a' begins, 1 of 4: network",
        "case 'a': mask, on the scan's own grid",
        "case 'a' is done in 2 min, 1 of 4, about 5 min to go",
        "case 'd' begins, 4 of 4: network",
        "case 'd': mask, on the scan's own grid",
        "case 'd' is done in 2 min, 4 of 4",
        "surface, centreline and other files of the last case",
    ]


def test_a_terminal_has_a_bar_with_case_and_stage(clock, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    run(clock)
    shown = terminal.getvalue()
    assert "a: network" in shown and "d: mask" in shown and "4/4" in shown


def test_a_run_that_ends_early_leaves_the_terminal_as_it_was(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)

    def stop(case):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    assert terminal.getvalue().endswith("\r") and not terminal.getvalue().rpartition("\r")[0].endswith("%")
