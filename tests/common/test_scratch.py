"""Temporary folders: gone at the end, and after a kill at the next beginning, while those in use stay."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest

from bundle.common.scratch import ScratchFolder

KEEPS = """
import sys, time
from pathlib import Path
from bundle.common.scratch import ScratchFolder
folder = ScratchFolder(sys.argv[1])
Path(folder.name, "deep").mkdir()
Path(folder.name, "deep", "scan.nii.gz").write_text("a person's heart")
print(folder.name, flush=True)
time.sleep(600)
"""


@pytest.fixture
def begun(tmp_path):
    """A process that has a folder in `tmp_path`, and the folder."""
    process = subprocess.Popen([sys.executable, "-c", KEEPS, tmp_path], stdout=subprocess.PIPE, text=True)
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_it_is_gone_at_the_end_with_what_is_in_it(tmp_path):
    with ScratchFolder(tmp_path) as name:
        assert os.path.dirname(name) == str(tmp_path)
        open(os.path.join(name, "scan.nii.gz"), "w").close()
    assert list(tmp_path.iterdir()) == []


def test_that_of_a_killed_process_goes_with_the_next_and_not_before(begun, tmp_path):
    process, left = begun
    with ScratchFolder(tmp_path):
        assert os.path.isfile(f"{left}/deep/scan.nii.gz"), "its process lives"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert os.path.isdir(left)
    with ScratchFolder(tmp_path) as name:
        assert [str(path) for path in tmp_path.iterdir()] == [name]


def test_what_no_run_of_ours_made_stays(tmp_path):
    (tmp_path / "coronary-notes").mkdir()
    (tmp_path / "coronary-notes" / "mine.txt").touch()
    (tmp_path / "coronary-list.csv").touch()
    with ScratchFolder(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "coronary-list.csv", "coronary-notes", "mine.txt",
    ]  # fmt: skip


def test_that_of_another_machine_stays_for_its_lock_may_not_be_seen_from_here(begun, tmp_path, monkeypatch):
    process, left = begun
    process.send_signal(signal.SIGKILL)
    process.wait()
    with monkeypatch.context() as there:
        there.setattr("socket.gethostname", lambda: "another")
        ScratchFolder(tmp_path).cleanup()
    assert os.path.isdir(left)
    ScratchFolder(tmp_path).cleanup()
    assert not os.path.isdir(left)


def test_where_files_cannot_be_locked_nothing_is_taken_for_left(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "no locks")

    with monkeypatch.context() as there:
        there.setattr("fcntl.flock", no_locks)
        kept = ScratchFolder(tmp_path)
    ScratchFolder(tmp_path).cleanup()
    assert os.path.isdir(kept.name)
    kept.cleanup()
    assert not os.path.isdir(kept.name)
