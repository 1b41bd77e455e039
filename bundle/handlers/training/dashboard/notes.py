"""What a run was: its settings, its resolved config and the versions, in TensorBoard."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Events
from monai.config import get_config_values, get_optional_config_values
from monai.engines import SupervisedTrainer

from bundle.handlers.training import CONFIG

from .writer import RunWriter

__all__ = ["RunNotes", "versions_table"]

METRICS = ["val/best_mean_dice", "val/mean_dice", "val/loss", "val/average_precision", "train/loss_epoch"]
# Keys of the config that are shown as hyperparameters where the config has a plain value under them.
SETTINGS = ("channels", "norm", "dropout", "spatial_size", "learning_rate", "batch_size", "seed")


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


def hyperparameters(trainer: SupervisedTrainer, config: dict[str, Any]) -> dict[str, Any]:
    """Numbers and words of a run: what its trainer is made of, and `SETTINGS` of its config."""
    network = getattr(trainer.network, "module", trainer.network)  # out of DistributedDataParallel
    parts = {"network": network, "loss": trainer.loss_function, "optimizer": trainer.optimizer}
    found: dict[str, Any] = {name: type(part).__name__ for name, part in parts.items()}
    for name in SETTINGS:
        value = config.get(name)
        if value is not None and not str(value).startswith(("@", "$", "%")):
            found[name] = value if isinstance(value, (bool, int, float, str)) else str(value)
    dtype = str(trainer.amp_kwargs.get("dtype", "float16")).removeprefix("torch.")
    return found | {
        "processes": idist.get_world_size(),
        "max_epochs": trainer.state.max_epochs,
        "training_cases": _count(trainer.data_loader.dataset),
        "amp": dtype if trainer.amp else "off",
    }


def _count(dataset: Any) -> int | str:
    """Cases of a data set; a stream has no number."""
    return len(dataset) if hasattr(dataset, "__len__") else "drawn while it trains"


class RunNotes:
    """Write the hyperparameters, ``run/config`` and ``run/versions`` when the first epoch starts.

    Beside the hyperparameters TensorBoard shows the last value of the run's own scalars, so a run that was
    killed has its metrics too. The text is written again when a run is resumed, perhaps with other versions.
    Attach it after `Curves`, which opens the writer.

    Args:
        writer: shared with `Curves`.
        output_dir: where the config of the run is.
    """

    def __init__(self, writer: RunWriter, output_dir: str | os.PathLike) -> None:
        self.writer = writer
        self.config = Path(output_dir) / CONFIG
        self._written = False

    def attach(self, trainer: SupervisedTrainer) -> None:
        trainer.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, trainer: SupervisedTrainer) -> None:
        if self._written:
            return
        self._written = True
        step = trainer.state.iteration + 1
        config = json.loads(self.config.read_text()) if self.config.is_file() else {}
        config.pop("_meta_", None)  # metadata.json, which is the bundle's and not the run's
        self.writer.hyperparameters(hyperparameters(trainer, config), METRICS)
        self.writer.events.add_text("run/versions", versions_table(trainer.state.device), step)
        if config:
            text = json.dumps(config, indent=2)
            self.writer.events.add_text("run/config", f"```json\n{text}\n```", step)
