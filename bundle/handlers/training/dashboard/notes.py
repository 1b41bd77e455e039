"""What a run was: its settings, its resolved config and the versions, in TensorBoard."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.config import get_config_values, get_optional_config_values

from bundle.handlers.training import CONFIG

from .writer import RunWriter

__all__ = ["RunNotes", "versions_table"]

METRICS = ["val/best_mean_dice", "val/mean_dice", "val/loss", "val/average_precision", "train/loss_epoch"]


def versions_table(device: torch.device | str) -> str:
    """A Markdown table of the machine, the device and every installed package that MONAI knows of."""
    device = torch.device(device)
    rows = {"Python": platform.python_version(), "system": platform.platform()}
    if device.type == "cuda":
        rows |= {"device": torch.cuda.get_device_name(device), "cuDNN": str(torch.backends.cudnn.version())}
    else:
        rows["device"] = "CPU"
    for name, version in (get_config_values() | get_optional_config_values()).items():
        if "NOT INSTALLED" not in str(version) and "UNKNOWN" not in str(version):
            rows[name] = str(version)
    return "| | version |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


class RunNotes:
    """Write the hyperparameters, ``run/config`` and ``run/versions`` when the first epoch starts.

    Beside the hyperparameters TensorBoard shows the last value of the run's own scalars, so a run that was
    killed has its metrics too. The text is written again when a run is resumed, perhaps with other versions.
    Attach it after `TrainingLog`, which opens the writer.

    Args:
        writer: shared with `TrainingLog`.
        run_dir: where the config of the run is.
        device: that trains.
        hyperparameters: numbers, switches and words as they are; anything else is written as text.
    """

    def __init__(
        self,
        writer: RunWriter,
        run_dir: str | os.PathLike,
        device: torch.device | str,
        hyperparameters: dict[str, Any],
    ) -> None:
        self.writer = writer
        self.config = Path(run_dir) / CONFIG
        self.device = torch.device(device)
        self.hyperparameters = {
            name: value if isinstance(value, (bool, int, float, str)) else str(value)
            for name, value in hyperparameters.items()
        }
        self._written = False

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        if self._written:
            return
        self._written = True
        step = engine.state.iteration + 1
        self.writer.hyperparameters(self.hyperparameters, METRICS)
        self.writer.text("run/versions", versions_table(self.device), step)
        if self.config.is_file():
            config = json.loads(self.config.read_text())
            config.pop("_meta_", None)  # metadata.json, which is the bundle's and not the run's
            text = json.dumps(config, indent=2)
            self.writer.text("run/config", f"```json\n{text}\n```", step)
