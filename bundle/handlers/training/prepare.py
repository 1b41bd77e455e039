"""What has to be done before a training run starts: its folder, its seed, its network."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import torch
from monai.utils import set_determinism

from bundle.common.config_in_use import config_in_use
from bundle.common.errors import InputError
from bundle.common.files import UNFINISHED, write_text
from bundle.common.parsing import parse_bool
from bundle.common.processes import on_first_process
from bundle.networks import load_weights

__all__ = ["LAST_CHECKPOINT", "prepare_network", "prepare_run", "set_seed"]

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
    config = config_in_use()
    if config is not None:
        write_text(run_dir / CONFIG, json.dumps(config, indent=2, default=str) + "\n")


def set_seed(seed: int, deterministic: Any = True) -> None:
    """Seed every generator; without ``deterministic`` cuDNN may choose faster algorithms."""
    set_determinism(seed)
    exact = parse_bool(deterministic, "deterministic")
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = exact, not exact


def prepare_network(
    network: torch.nn.Module,
    weights: str | os.PathLike | None = None,
    channels_last: Any = False,
    compiled: Any = False,
) -> None:
    """Give the network its first weights, its memory layout, and compile it, all in place.

    Raises:
        InputError: the weights are missing or of another architecture, or a switch is neither true nor false.
    """
    if weights is not None:
        load_weights(network, weights)
    if parse_bool(channels_last, "channels_last"):
        network.to(memory_format=torch.channels_last_3d)
    if parse_bool(compiled, "compile"):
        network.compile(dynamic=False)
