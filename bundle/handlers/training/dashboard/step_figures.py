"""Figures of every step beside its loss: the parts of a composite one, the length of the gradient."""

from __future__ import annotations

from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents

__all__ = ["GradientNorm", "TrainingLossParts", "ValidationLoss", "watch_parts"]


def watch_parts(loss: Any) -> dict[str, torch.Tensor]:
    """A dict that holds, after each call of ``loss``, what its parts gave: ``{"dice": ..., ...}``.

    The parts are the modules that the loss calls (`DiceCELoss` has ``dice`` and ``binary_cross_entropy``) and
    that return one number, without their weights in the sum. They are computed anyway: looking costs nothing.
    Empty for a loss that is a plain function. Where a part is called more than once, as in deep supervision,
    its first value stands.
    """
    parts: dict[str, torch.Tensor] = {}
    if isinstance(loss, torch.nn.Module):
        loss.register_forward_pre_hook(lambda *_: parts.clear())
        for name, module in loss.named_children():
            module.register_forward_hook(_keep(parts, name))
    return parts


def _keep(parts: dict[str, torch.Tensor], name: str):
    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 0:
            parts.setdefault(name, output.detach())

    return hook


class TrainingLossParts:
    """Put the parts of the training loss into the trainer's output as ``loss_<part>``, for `Curves`."""

    def __init__(self, loss: Any) -> None:
        self._parts = watch_parts(loss)

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        engine.state.output |= {f"loss_{name}": value for name, value in self._parts.items()}


class ValidationLoss:
    """The loss of the validation cases and its parts, as the metrics ``val_loss`` and ``val_loss_<part>``.

    Measured on the network's raw output, before post-processing, in fp32; a batch counts by its cases.
    MONAI's `LossMetric` in an `IgniteMetricHandler` sees the output after post-processing, and not the parts.

    Attach it on every process of a run on several: at the end of the validation it sums over them.
    """

    def __init__(self, loss: Any) -> None:
        self.loss = loss
        self._parts = watch_parts(loss)
        self._sums: dict[str, torch.Tensor] = {}
        self._cases = 0

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(IterationEvents.FORWARD_COMPLETED, self)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.completed)

    def start(self, _: Engine) -> None:
        self._sums, self._cases = {}, 0

    def __call__(self, engine: Engine) -> None:
        output = engine.state.output
        with torch.no_grad():
            total = self.loss(output["pred"].float(), output["label"]).mean()
        count = len(output["pred"])
        values = {"val_loss": total} | {f"val_loss_{name}": value for name, value in self._parts.items()}
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * count
        self._cases += count

    def completed(self, engine: Engine) -> None:
        cases = torch.tensor(float(self._cases), device=engine.state.device)
        *sums, total = idist.all_reduce(torch.stack([*self._sums.values(), cases])).tolist()
        engine.state.metrics |= {name: value / total for name, value in zip(self._sums, sums)}


class GradientNorm:
    """Put the norm of all gradients into the trainer's output as ``gradient_norm``, for `Curves`.

    The Euclidean one, left on the device, so no step waits for it. With fp16 the gradients are scaled, and
    the norm is divided by the same factor; it is infinite at a step that fp16 skips. A handler that unscales
    or clips the gradients belongs after this one. Ignite's ``GradsScalarHandler`` reads each parameter's norm
    from the device, one by one.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if engine.scaler is not None:
            norm = norm / engine.scaler.scale(torch.ones_like(norm))
        engine.state.output["gradient_norm"] = norm
