"""Checkpoints from which a killed run goes on as if nothing had happened."""

from __future__ import annotations

import logging
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from bundle.common.errors import InputError
from bundle.common.parsing import parse_bool
from bundle.networks import read_checkpoint, restore, save_checkpoint, save_weights

from .prepare import LAST_CHECKPOINT

__all__ = ["TrainingCheckpoint"]

BEST_CHECKPOINT = "checkpoint_best.pt"
logger = logging.getLogger(__name__)


def _bare(network: torch.nn.Module) -> torch.nn.Module:
    """The network without DistributedDataParallel around it, which puts a prefix before its keys."""
    return getattr(network, "module", network)


class TrainingCheckpoint:
    """Save and resume everything that the next step depends on.

    At the end of an epoch it writes ``checkpoint_last.pt``: the weights, the optimizer, the learning rate's
    schedule, the scaler of fp16, the trainer's counters and the best validation so far. Random states are
    functions of (seed, epoch, step), see `Reproducible`, and need no place. Where the validation of the epoch
    is the best so far, the same goes to ``checkpoint_best.pt``, and the weights alone, as a bare state_dict,
    to ``model.pt``. At the end of a run without any validation, ``model.pt`` gets the last weights. Each file
    is written beside its final name and renamed, so a kill at any moment leaves the previous one whole. The
    files hold tensors and plain values and are read with ``weights_only=True``.

    Must be the last of the trainer's handlers, so that it saves what the others did to the epoch. MONAI's
    trainer makes its GradScaler only when it starts, which is why restoring happens then.

    Args:
        ckpt_dir: folder of the checkpoints and of the exported ``model.pt``.
        lr_scheduler: the learning rate's schedule.
        validator: the evaluator that keeps ``best_metric``.
        bundle_root: under MONAI Label the weights are exported to its ``models/model.pt`` instead, where
            MONAI Label reads them.
        resume: start from ``checkpoint_last.pt``.
        averaged: a network that holds the moving average of the weights; it is saved too, and is what
            ``model.pt`` gets.
        save_interval: epochs from one ``checkpoint_last.pt`` to the next; the end of a run always gets one.

    Raises:
        InputError: on resuming, where the file is of another architecture or of other data.
    """

    def __init__(
        self,
        ckpt_dir: str | os.PathLike,
        lr_scheduler: Any,
        validator: Engine,
        bundle_root: str | os.PathLike = ".",
        resume: bool | str = False,
        averaged: torch.nn.Module | None = None,
        save_interval: int = 1,
    ) -> None:
        self.ckpt_dir = Path(ckpt_dir)
        in_monai_label = "MONAI_LABEL_APP_DIR" in os.environ
        self.export_path = (Path(bundle_root) / "models" if in_monai_label else self.ckpt_dir) / "model.pt"
        self.lr_scheduler = lr_scheduler
        self.validator = validator
        self.resume = parse_bool(resume, "resume")
        self.averaged = averaged
        self.save_interval = int(save_interval)
        self._saved_epoch = 0

    def attach(self, engine: Engine) -> None:
        if self.resume:
            engine.add_event_handler(Events.STARTED, self.restore)
        if idist.get_rank() == 0:  # the others restore as it does
            engine.add_event_handler(Events.EPOCH_COMPLETED, self.epoch_completed)
            engine.add_event_handler(Events.COMPLETED, self.completed)

    def epoch_completed(self, engine: Engine) -> None:
        if self.validator.state.best_metric_epoch == engine.state.epoch:
            save_checkpoint(self.state(engine), self.ckpt_dir / BEST_CHECKPOINT)
            save_weights(self.exported(engine), self.export_path)
        if engine.state.epoch % self.save_interval == 0:
            self.save_last(engine)

    def completed(self, engine: Engine) -> None:
        if self._saved_epoch != engine.state.epoch:
            self.save_last(engine)
        if self.validator.state.best_metric_epoch < 1:
            save_weights(self.exported(engine), self.export_path)
        logger.info("the weights are in %s", self.export_path)

    def exported(self, engine: Engine) -> torch.nn.Module:
        """The network whose weights are of use: the average where there is one."""
        return _bare(engine.network) if self.averaged is None else self.averaged

    def save_last(self, engine: Engine) -> None:
        save_checkpoint(self.state(engine), self.ckpt_dir / LAST_CHECKPOINT)
        self._saved_epoch = engine.state.epoch

    def state(self, engine: Engine) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors and plain values."""
        averaged = {} if self.averaged is None else {"averaged": self.averaged.state_dict()}
        return averaged | {
            "model": _bare(engine.network).state_dict(),
            "optimizer": engine.optimizer.state_dict(),
            "lr_scheduler": self.lr_scheduler.state_dict(),
            "scaler": {} if engine.scaler is None else engine.scaler.state_dict(),
            "trainer": {name: getattr(engine.state, name) for name in ("epoch", "iteration", "epoch_length")},
            "best": {
                "metric": float(self.validator.state.best_metric),
                "epoch": int(self.validator.state.best_metric_epoch),
            },
        }

    def restore(self, engine: Engine) -> None:
        path = self.ckpt_dir / LAST_CHECKPOINT
        content = read_checkpoint(path)
        needed = {"model", "optimizer", "lr_scheduler", "scaler", "trainer", "best"}
        needed |= set() if self.averaged is None else {"averaged"}
        missing = needed - set(content)
        if missing:
            raise InputError(f"{path} has no {min(missing)!r}; resuming needs a checkpoint of this bundle.")
        counters = content["trainer"]
        if counters["epoch_length"] != engine.state.epoch_length:
            raise InputError(
                f"{path} was made with {counters['epoch_length']} iterations an epoch and this run has "
                f"{engine.state.epoch_length}; resume with the same data and batch size, "
                "on as many processes."
            )
        restore(_bare(engine.network), content["model"], path)
        if self.averaged is not None:
            restore(self.averaged, content["averaged"], path)
        given, rates = deepcopy(_settings(engine.optimizer)), list(getattr(self.lr_scheduler, "base_lrs", ()))
        engine.optimizer.load_state_dict(content["optimizer"])
        self.lr_scheduler.load_state_dict(content["lr_scheduler"])
        self._keep_given(engine.optimizer, given, rates)
        if engine.scaler is not None and content["scaler"]:
            engine.scaler.load_state_dict(content["scaler"])
        engine.state.epoch, engine.state.iteration = counters["epoch"], counters["iteration"]
        self.validator.state.best_metric = content["best"]["metric"]
        self.validator.state.best_metric_epoch = content["best"]["epoch"]
        self._saved_epoch = counters["epoch"]
        logger.info("resumed %s after epoch %d", path, counters["epoch"])

    def _keep_given(self, optimizer: torch.optim.Optimizer, given: list[dict], rates: list[float]) -> None:
        """Where the config of this run has another learning rate or setting than the checkpoint, it holds.

        The schedule goes on from where it was, as a share of the new learning rate.

        Args:
            optimizer: as restored.
            given: `_settings` of the config.
            rates: of the config, each group's before the schedule.
        """
        for group, new, rate in zip(optimizer.param_groups, given, rates or [None] * len(given)):
            old = group.get("initial_lr")
            if rate is not None and old is not None and rate != old:
                group["lr"] = group["lr"] * rate / old if old else rate
                group["initial_lr"] = rate
                logger.info("the learning rate is %g from here on; it was %g before", rate, old)
            for name, value in new.items():
                if name in group and group[name] != value:
                    logger.info("%s of the optimizer is %s from here on; it was %s", name, value, group[name])
                    group[name] = value
        if rates:
            self.lr_scheduler.base_lrs = rates
            self.lr_scheduler._last_lr = [group["lr"] for group in optimizer.param_groups]


def _settings(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """Of each group of parameters, without those that the schedule or the device decide on."""
    others = ("params", "lr", "initial_lr", "fused", "foreach", "capturable")
    return [{k: v for k, v in group.items() if k not in others} for group in optimizer.param_groups]
