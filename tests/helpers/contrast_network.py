"""A network without training that answers "brighter than 200 HU", for tests of the whole chain."""

import time

import torch


class ContrastNetwork(torch.nn.Module):
    """Logit = ``gain`` x (intensity - ``level``); 200 HU of [-500, 1000] is probability 0.5.

    ``seconds`` is how long it takes at least.
    """

    def __init__(self, gain: float = 60.0, level: float = 700 / 1500, seconds: float = 0.0):
        super().__init__()
        self.seconds = seconds
        self.gain = torch.nn.Parameter(torch.tensor(float(gain)))
        self.level = torch.nn.Parameter(torch.tensor(float(level)))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        time.sleep(self.seconds)
        return self.gain * (image - self.level)
