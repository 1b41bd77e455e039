"""A volume predicted several times: the mean, and how sure and how unanimous the members are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import Inferer
from torch import nn

from .members import Member
from .windows import ProbabilityWindows

__all__ = ["EnsembleInferer", "entropy"]


def entropy(probability: torch.Tensor) -> torch.Tensor:
    """Of a yes or no, nats: 0 where it is sure, ln 2 at one half."""
    return -(torch.xlogy(probability, probability) + torch.xlogy(1 - probability, 1 - probability))


class EnsembleInferer(Inferer):
    """Any inferer, over several members: the mean of their probabilities, its entropy, mutual information.

    Probabilities are averaged, not logits, with which one sure member would outvote the others. With p the
    probability of one member and H the entropy of yes or no, in nats:

    - entropy H(mean p): how unsure the ensemble is, for whatever reason;
    - mutual information H(mean p) - mean H(p): how much of it is the members' disagreement (Houlsby et al.,
      2011), 0 where all say the same.

    Args:
        inferer: gives probabilities if it is a `ProbabilityWindows`, else logits.
        members: `FlipsAndShifts`, `DropoutSamples` or `Checkpoints`.

    Shapes:
        (B, 1, X, Y, Z) to (B, N + 2, X, Y, Z), float32: the mean of the N outputs of the inferer, as a logit
        where the inferer gives logits, since the steps after it expect one; then entropy and mutual
        information of the first.
    """

    def __init__(
        self,
        inferer: Inferer,
        members: Callable[[torch.Tensor, nn.Module], Iterable[AbstractContextManager[Member]]],
    ) -> None:
        super().__init__()
        self.inferer, self.members = inferer, members
        self.is_logit = not isinstance(inferer, ProbabilityWindows)

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:
        total = inside = None
        count = 0
        for context in self.members(inputs, network):
            with context as member:
                outcome = member.back(self.inferer(member.inputs, member.network, *args, **kwargs))
            if isinstance(member.inputs, MetaTensor):
                inputs.meta.update(member.inputs.meta)  # warnings of the pass
            if isinstance(outcome, MetaTensor):
                outcome = outcome.as_tensor()
            probability = outcome.float().sigmoid() if self.is_logit else outcome.float()
            own = entropy(probability[:, :1])
            total = probability.clone() if total is None else total.add_(probability.to(total.device))
            inside = own if inside is None else inside.add_(own.to(inside.device))
            count += 1
        mean = total.div_(count)
        whole = entropy(mean[:, :1])
        information = (whole - inside.div_(count)).clamp_min_(0)
        result = torch.cat([mean.logit_(_LEAST) if self.is_logit else mean, whole, information], dim=1)
        if isinstance(inputs, MetaTensor):
            result = MetaTensor(result).copy_meta_from(inputs, copy_attr=False)
        return result


_LEAST = 1e-6
