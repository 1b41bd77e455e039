"""An exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn


class AveragedWeights:
    """Keeps ``average = decay * average + (1 - decay) * weights`` beside a network that trains.

    Early on the decay is (1 + n) / (10 + n) after n updates, so that the first weights are soon forgotten.

    Args:
        network: whose floating-point state is averaged, on its own device.
        decay: that is reached in the end.
    """

    def __init__(self, network: nn.Module, decay: float = 0.999) -> None:
        self.decay, self.updates = decay, 0
        self.state = {k: v.detach().clone().float() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        current = network.state_dict()
        own = list(self.state.values())
        torch._foreach_lerp_(own, [current[name].float() for name in self.state], 1 - decay)
        self.updates += 1

    def state_dict(self) -> dict:
        return {"state": self.state, "updates": self.updates}

    def load_state_dict(self, saved: dict) -> None:
        for name, value in self.state.items():
            value.copy_(saved["state"][name])
        self.updates = int(saved["updates"])
