"""The folder of a training run."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

from bundle.common.config_in_use import config_in_use
from bundle.common.errors import InputError
from bundle.common.files import UNFINISHED, write_text
from bundle.common.parsing import parse_bool
from bundle.common.processes import on_first_process

__all__ = ["LAST_CHECKPOINT", "prepare_run"]

LAST_CHECKPOINT = "checkpoint_last.pt"
CONFIG = "config.json"
logger = logging.getLogger(__name__)


def prepare_run(output_dir: str | os.PathLike, resume: bool | str = False) -> None:
    """Make a run's folder ready and write the config in use into it as config.json.

    A new run never mixes with an older one: what the folder already holds is kept under the same name with
    the time of its last checkpoint. On several processes the first one does it, while the others wait.

    Raises:
        InputError: ``resume`` is set and there is nothing to resume.
    """
    on_first_process(_prepare, Path(output_dir), parse_bool(resume, "resume"))


def _prepare(run_dir: Path, resume: bool) -> None:
    last = run_dir / LAST_CHECKPOINT
    if resume:
        if not last.is_file():
            raise InputError(f"{last} does not exist, so there is nothing to resume; start without it.")
    elif last.is_file():
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(last.stat().st_mtime))
        kept = run_dir.with_name(f"{run_dir.name}-{stamp}")
        while kept.exists():
            kept = kept.with_name(f"{kept.name}-1")
        run_dir.rename(kept)
        logger.info("%s held an earlier run; it is kept as %s", run_dir, kept)
    run_dir.mkdir(parents=True, exist_ok=True)
    for unfinished in run_dir.glob(f"{UNFINISHED}*"):
        unfinished.unlink()  # a kill came while it was being saved
    _write_config(run_dir / CONFIG)


def _write_config(path: Path) -> None:
    """Write the config in use, so that the run can be repeated; where there is none, nothing is written."""
    config = config_in_use()
    if config is not None:
        write_text(path, json.dumps(config, indent=2, default=str) + "\n")
