"""What has to be done before a training run starts: its folder, its seed, its network."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.utils import set_determinism

from bundle.common.config_in_use import config_in_use
from bundle.common.errors import InputError
from bundle.common.files import UNFINISHED, write_text
from bundle.common.log_file import start_log
from bundle.common.output_folder import check_output_dir
from bundle.common.parsing import parse_bool
from bundle.common.processes import on_first_process
from bundle.networks import load_weights

__all__ = ["LAST_CHECKPOINT", "RunFolder", "check_run", "prepare_network", "set_seed"]

LAST_CHECKPOINT = "checkpoint_last.pt"
CONFIG = "config.json"
logger = logging.getLogger(__name__)


def check_run(
    output_dir: str | os.PathLike, resume: bool | str = False, dataset_dir: str | os.PathLike | None = None
) -> None:
    """Check that a run can begin in a folder, and touch nothing.

    Raises:
        InputError: the folder cannot be written to or is that of the data, or ``resume`` is set and there is
            nothing to resume.
    """
    on_first_process(_check, Path(output_dir), parse_bool(resume, "resume"), dataset_dir)


def _check(run_dir: Path, resume: bool, dataset_dir: str | os.PathLike | None) -> None:
    check_output_dir(run_dir, dataset_dir)
    last = run_dir / LAST_CHECKPOINT
    if not resume or last.is_file():
        return
    found = run_dir.parent.glob(f"{run_dir.name}-*/{LAST_CHECKPOINT}")
    kept = max(found, key=lambda file: file.stat().st_mtime, default=None)
    hint = f"give --output_dir {kept.parent}, where the last one is kept" if kept else "start without it"
    raise InputError(f"{last} does not exist, so there is nothing to resume; {hint}.")


class RunFolder:
    """Make a run's folder ready when its trainer starts, and write the config into it as config.json.

    Only then: a start that fails before, on its data or its network, leaves everything as it was. A run that
    goes on waits until its checkpoint has been read: one of another network is refused before the folder
    changes. A new run never mixes with an older one: what the folder already holds is kept under the same
    name with the time of its last checkpoint. On several processes the first one does it, while the others
    wait. Attach it first.

    Args:
        output_dir: the run's folder.
        resume: go on in it.
    """

    def __init__(self, output_dir: str | os.PathLike, resume: bool | str = False) -> None:
        self.output_dir = Path(output_dir)
        self.resume = parse_bool(resume, "resume")
        self.config = config_in_use()
        self._ready = False

    def attach(self, engine: Engine) -> None:
        begun = Events.EPOCH_STARTED | Events.COMPLETED if self.resume else Events.STARTED
        engine.add_event_handler(begun, self.prepare)

    def prepare(self, _: Engine | None = None) -> None:
        """Once, though a trainer may be run again, as in federated learning."""
        if not self._ready:
            on_first_process(_prepare, self.output_dir, self.resume, self.config)
            start_log(self.output_dir)
        self._ready = True


def _prepare(run_dir: Path, resume: bool, config: dict[str, Any] | None) -> None:
    last = run_dir / LAST_CHECKPOINT
    if last.is_file() and not resume:
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(last.stat().st_mtime))
        kept = run_dir.with_name(f"{run_dir.name}-{stamp}")
        while kept.exists():
            kept = kept.with_name(f"{kept.name}-1")
        run_dir.rename(kept)
        logger.info("%s held an earlier run; it is kept as %s", run_dir, kept)
    run_dir.mkdir(parents=True, exist_ok=True)
    for unfinished in run_dir.glob(f"{UNFINISHED}*"):
        unfinished.unlink()  # a kill came while it was being saved
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
