"""The folder that a run will write to, looked at before the run computes anything."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bundle.common.errors import InputError

__all__ = ["check_output_dir"]


def check_output_dir(
    output_dir: str | os.PathLike,
    dataset_dir: str | os.PathLike | Sequence[str | os.PathLike] | None = None,
    name: str = "output_dir",
) -> None:
    """Check that files can be written into a folder, which need not be there yet; nothing is left behind.

    Args:
        output_dir: the folder.
        dataset_dir: what the run reads, one path or several. Results would replace files that a person made
            beside the scans.
        name: of the option, for the sentence.

    Raises:
        InputError: it is a file or below one, or nothing may be written there, or it is that of the scans.
    """
    read = dataset_dir if isinstance(dataset_dir, (list, tuple)) else [dataset_dir]
    if os.path.realpath(output_dir) in {os.path.realpath(path) for path in read if path is not None}:
        raise InputError(
            f"{name} '{output_dir}' is the folder of the scans, whose files results could replace; "
            "give another one."
        )
    folder = Path(output_dir).expanduser().absolute()
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise InputError(f"{name} '{output_dir}' cannot be a folder: '{there}' is a file; give another one.")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise InputError(
            f"{name} '{output_dir}' cannot be written to ({error.strerror}: '{there}'); give another one."
        ) from None
