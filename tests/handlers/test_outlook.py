"""What a training run says of itself before it has a result."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from ignite.engine import Engine

from bundle.common.duration import duration
from bundle.handlers.training.dashboard import outlook
from bundle.handlers.training.dashboard.outlook import RunOutlook


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(40, "40 s"), (700, "12 min"), (12_000, "3 h 20 min"), (216_000, "2.5 days"), (3_590, "1 h 0 min")],
)
def test_durations_are_as_a_person_says_them(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("epoch_s", "level", "said"), [(30, "INFO", "1 h 40 min"), (1200, "WARNING", "2.8 days")]
)
def test_the_time_to_the_last_epoch_is_said_once_and_warned_of_where_it_takes_days(
    epoch_s, level, said, caplog, monkeypatch
):
    clock = iter(range(0, 10 * epoch_s, epoch_s))
    monkeypatch.setattr(outlook, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    trainer = Engine(lambda engine, batch: None)
    trainer.state.device = "cpu"
    RunOutlook(Engine(lambda engine, batch: None)).attach(trainer)
    trainer.add_event_handler(
        "EPOCH_COMPLETED", lambda engine: engine.state.epoch == 3 and engine.terminate()
    )
    with caplog.at_level(logging.INFO, logger=outlook.__name__):
        trainer.run([0, 1], max_epochs=201)
    start, *later = [record for record in caplog.records if record.name == outlook.__name__]
    assert (
        "training on the CPU" in start.getMessage() and "2 steps an epoch, 201 epochs" in start.getMessage()
    )
    assert [record.levelname for record in later] == [level]
    assert f"about {said} to go for 200 epochs more" in later[0].getMessage()
