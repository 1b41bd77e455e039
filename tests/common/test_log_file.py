"""The log of a run: a file with everything, and a console whose lines stand above a progress bar."""

from __future__ import annotations

import io
import logging
from logging.config import fileConfig
from pathlib import Path

import pytest
from logging_kept import logging_kept
from tqdm import tqdm

from bundle.common.log_file import LOG, start_log

CONF = Path(__file__).resolve().parents[2] / "configs" / "logging.conf"


@pytest.fixture
def console(monkeypatch):
    """What logging.conf's console shows."""
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdout", shown)
    with logging_kept():
        fileConfig(CONF, disable_existing_loggers=False)
        yield shown


def test_lines_stand_above_a_bar(console, tmp_path):
    start_log(tmp_path)
    with tqdm(total=2, file=console, ascii=True) as bar:
        bar.update()
        logging.getLogger("bundle").info("the first epoch is done")
    lines = console.getvalue().replace("\r", "\n").splitlines()
    assert any(line.endswith("bundle INFO: the first epoch is done") and "%" not in line for line in lines)


def test_the_console_is_spared_what_the_file_has(console, tmp_path):
    logging.getLogger("monai").info("said before the folder was known")
    start_log(tmp_path)
    logging.getLogger("ignite").info("Engine run starting")
    logging.getLogger("ignite").warning("a warning")
    log = (tmp_path / LOG).read_text()
    assert "said before" in log and "Engine run starting" in log and "a warning" in log
    assert console.getvalue().splitlines()[0].endswith("ignite WARNING: a warning")
    assert len(console.getvalue().splitlines()) == 1


def test_a_logging_of_another_make_is_left_alone(tmp_path):
    with logging_kept(cleared=True):
        mine = logging.StreamHandler(io.StringIO())
        logging.getLogger().addHandler(mine)
        start_log(tmp_path / "out")
        assert logging.getLogger().handlers == [mine] and not (tmp_path / "out").exists()
