"""The length of the gradient at every step."""

from __future__ import annotations

import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents

__all__ = ["GradientNorm"]


class GradientNorm:
    """Put the norm of all gradients into the trainer's output as ``gradient_norm``, for `Curves`.

    The Euclidean one, left on the device, so no step waits for it. With fp16 the gradients are scaled, and
    the norm is divided by the same factor; it is infinite at a step that fp16 skips. A handler that unscales
    or clips the gradients belongs after this one. Ignite's ``GradsScalarHandler`` reads each parameter's norm
    from the device, one by one.

    Args:
        network: whose parameters are trained.
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
