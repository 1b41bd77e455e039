"""A long step without a terminal."""

import io
import logging
from types import SimpleNamespace

from bundle.common import counted


def lines(caplog):
    caplog.clear()
    with caplog.at_level(logging.INFO, logger=counted.__name__), counted.Counted("windows") as count:
        for _ in range(5):
            count.update(2)
    return [record.getMessage() for record in caplog.records]


def test_a_line_a_minute_and_on_a_terminal_none(monkeypatch, caplog):
    clock = iter(range(0, 10_000, 40))
    monkeypatch.setattr(counted, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert lines(caplog) == ["4 windows after 80 s", "8 windows after 3 min"]
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    assert lines(caplog) == [] and "windows" in terminal.getvalue()
