"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bundle.common.errors import RunFailed

__all__ = ["UNFINISHED", "plain_values", "replacing", "sha256_of", "write_json", "write_text"]

UNFINISHED = ".unfinished-"
"""How the names of temporary files begin."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CHUNK = 1 << 20


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path in the same folder that takes the name `path` when the block ends without an error.

    A kill, or a machine that goes down, leaves the old file or the new one, never a part of it.

    Raises:
        RunFailed: the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{UNFINISHED}{os.getpid()}-{path.name}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise RunFailed(
            f"the disk is full: {path.name} could not be written; free some space for '{path.parent}' and "
            "run again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` as UTF-8 (see `replacing`)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(content: Any, path: str | os.PathLike) -> None:
    """Indented JSON; NumPy numbers and arrays are taken, NaN and infinity become null."""
    write_text(path, json.dumps(plain_values(content), indent=2, ensure_ascii=False) + "\n")


def plain_values(value):
    """`value` as JSON can hold it: no NumPy types, NaN and infinity as None."""
    if isinstance(value, Mapping):
        return {str(k): plain_values(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain_values(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def sha256_of(paths: Iterable[str | os.PathLike]) -> str:
    """SHA-256 of the bytes of several files, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
