"""The folder that a run will write to, looked at before the run computes anything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bundle.common.errors import InputError

__all__ = ["check_output_dir"]


def check_output_dir(output_dir: str | os.PathLike) -> None:
    """Check that files can be written into a folder, which need not be there yet; nothing is left behind.

    Raises:
        InputError: it is a file or below one, or nothing may be written there.
    """
    folder = Path(output_dir).expanduser().absolute()
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise InputError(
            f"output_dir '{output_dir}' cannot be a folder: '{there}' is a file; give another one."
        )
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise InputError(
            f"output_dir '{output_dir}' cannot be written to ({error.strerror}: '{there}'); give another one."
        ) from None
