"""Folders for what a run has on the disk for a while, cleared even where a run was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["ScratchFolder"]

_PREFIX = "coronary-"


class ScratchFolder(tempfile.TemporaryDirectory):
    """A temporary folder; those that killed runs left beside it are removed first.

    Scans lie in such folders, and what zips hold names patients. A folder is held by a lock on a file in it,
    which the operating system takes back when its process ends in whatever way. Folders of other users, of
    other machines, of processes that live, and those on a file system without locks stay.

    Args:
        parent: folder to make it in; None takes that of temporary files.
    """

    def __init__(self, parent: str | os.PathLike | None = None) -> None:
        parent = Path(tempfile.gettempdir() if parent is None else parent)
        for folder in parent.glob(f"{_PREFIX}*"):
            _remove_if_left(folder)
        super().__init__(prefix=_PREFIX, dir=parent)
        # It gets its name once it is locked: a lock file that nobody holds is that of a dead process.
        new = Path(self.name, ".lock-new")
        self._held = os.open(new, os.O_CREAT | os.O_WRONLY, 0o600)
        with suppress(OSError):
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(_lock_of(self.name))

    def cleanup(self) -> None:
        super().cleanup()
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _lock_of(folder: str | os.PathLike) -> Path:
    # A file system that machines share may show each its own locks alone: no other's are asked for.
    return Path(folder, f".lock-of-{socket.gethostname()}")


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return
        with open(_lock_of(folder), "r+") as lock:  # NFS locks what is open for writing
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
