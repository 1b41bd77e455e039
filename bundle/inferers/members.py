"""Members of an ensemble: a volume turned and moved, a network with dropout, networks of several trainings.

A member is a context in which one pass is made: it gives what the network sees, the network, and how the
outcome comes back onto the volume.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from bundle.common.errors import InputError
from bundle.networks import CompiledNetwork, load_weights

__all__ = ["Checkpoints", "DropoutSamples", "FlipsAndShifts", "Member"]


class Member(NamedTuple):
    """One pass: volumes (B, C, X, Y, Z) as the network sees them, the network, and the way back."""

    inputs: torch.Tensor
    network: nn.Module
    back: Callable[[torch.Tensor], torch.Tensor]


def _as_it_is(outcome: torch.Tensor) -> torch.Tensor:
    return outcome


class FlipsAndShifts:
    """Test-time augmentation that is undone to the voxel.

    Args:
        flips: of each member, the axes of the volume (0, 1, 2: x, y, z) along which it is mirrored; ``[]`` is
            none.
        shifts: voxels by which it is moved, along every axis, against the grid on which the network pools:
            each flip comes with each shift. The edge is repeated, so nothing is lost.
        step: voxels that a volume grows by for a shift; the network's pooling must divide it.

    Raises:
        InputError: no member, an axis other than 0, 1 or 2, or a shift outside 0...``step``.
    """

    def __init__(
        self, flips: Sequence[Sequence[int]] = ((),), shifts: Sequence[int] = (0,), step: int = 8
    ) -> None:
        axes = {axis for flip in flips for axis in flip}
        if not flips or not shifts or not axes <= {0, 1, 2} or not all(0 <= s <= step for s in shifts):
            raise InputError(
                f"flips {[list(f) for f in flips]} and shifts {list(shifts)} make no ensemble; give lists of "
                f"the axes 0, 1 and 2, and shifts of 0 to {step} voxels, at least one of each."
            )
        self.flips, self.shifts, self.step = [tuple(flip) for flip in flips], tuple(shifts), step

    def __call__(self, inputs: torch.Tensor, network: nn.Module) -> Iterator[AbstractContextManager[Member]]:
        for flip in self.flips:
            for shift in self.shifts:
                yield nullcontext(self._member(inputs, network, flip, shift))

    def _member(self, inputs: torch.Tensor, network: nn.Module, flip: tuple[int, ...], shift: int) -> Member:
        axes, size = [axis + 2 for axis in flip], inputs.shape[2:]
        seen = inputs.flip(axes) if axes else inputs
        if shift:
            seen = functional.pad(seen, (shift, self.step - shift) * 3, mode="replicate")

        def back(outcome: torch.Tensor) -> torch.Tensor:
            if shift:
                outcome = outcome[(..., *(slice(shift, shift + n) for n in size))]
            return outcome.flip(axes) if axes else outcome

        return Member(seen, network, back)


class DropoutSamples:
    """Monte Carlo dropout (Gal and Ghahramani, ICML 2016): the network's dropout layers stay on.

    The network's own probability counts; at 0 all members are the same. The random numbers are the same in
    every call and leave those of PyTorch alone.

    Args:
        count: of members.
        seed: of the random numbers.

    Raises:
        InputError: no member, or when called, a network without a layer of dropout, or one that another
            runtime than PyTorch runs.
    """

    def __init__(self, count: int = 8, seed: int = 0) -> None:
        if count < 1:
            raise InputError(f"the number of dropout samples is {count}; it must be 1 or more.")
        self.count, self.seed = count, seed

    def __call__(self, inputs: torch.Tensor, network: nn.Module) -> Iterator[AbstractContextManager[Member]]:
        if isinstance(network, CompiledNetwork):
            raise InputError(
                f"{network.engine.title} runs the network without its dropout, and Monte Carlo dropout needs "
                "it; give runtime torch (--runtime torch, or --set runtime=torch)."
            )
        kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
        layers = [layer for layer in network.modules() if isinstance(layer, kinds)]
        if not layers:
            raise InputError(f"{type(network).__name__} has no layer of dropout to sample from.")
        for number in range(self.count):
            yield self._sampling(Member(inputs, network, _as_it_is), layers, self.seed + number)

    @contextmanager
    def _sampling(self, member: Member, layers: list[nn.Module], seed: int) -> Iterator[Member]:
        before = [layer.training for layer in layers]
        device = member.inputs.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            try:
                for layer in layers:
                    layer.train()
                yield member
            finally:
                for layer, training in zip(layers, before):
                    layer.train(training)


class Checkpoints:
    """Deep ensemble (Lakshminarayanan et al., NeurIPS 2017): one network, several trainings.

    The weights are read when they are first needed; those that the network came with do not count.

    Args:
        paths: of the weights.

    Raises:
        InputError: no path; when first called, weights that are missing or of another architecture.
    """

    def __init__(self, paths: Sequence[str | os.PathLike]) -> None:
        if isinstance(paths, (str, os.PathLike)) or not paths:
            raise InputError(f"the checkpoints are {paths!r}; give a list of the paths of weights.")
        self.paths = list(paths)
        self._networks: list[nn.Module] = []

    def __call__(self, inputs: torch.Tensor, network: nn.Module) -> Iterator[AbstractContextManager[Member]]:
        if not self._networks:
            self._networks = [load_weights(copy.deepcopy(network), path) for path in self.paths]
        for own in self._networks:
            yield nullcontext(Member(inputs, own, _as_it_is))
