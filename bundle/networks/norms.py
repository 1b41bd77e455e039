"""Instance norms by other ways to the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import torch
from torch import nn
from torch.nn import functional

__all__ = ["norms_by_channel", "norms_in_stages"]


def norms_by_channel(network: nn.Module) -> AbstractContextManager[None]:
    """Inside, instance norms take a batch of one through PyTorch's batch norm.

    PyTorch's instance norm copies a volume whose channels lie last in memory to the other order and back;
    its batch norm does not. With `torch.channels_last_3d`, in which bfloat16 convolutions on a CPU are quick,
    a window then takes half the time.
    """
    return _norms_by(_by_channel, network)


def norms_in_stages(network: nn.Module) -> AbstractContextManager[None]:
    """Inside, instance norms take mean and variance row by row, then plane by plane, then of the volume.

    The same in PyTorch, which adds with more care than OpenVINO: that sums the millions of values of a
    channel one after the other in float32 (2026.4), which makes norms wrong by up to 4e-4 and, after all
    layers, probabilities by 0.02. Sums of a row of 160 are right to 1e-6, where a channel's mean is not many
    times its spread (five in the shipped network). Between the stages the tensor gets another shape, as
    OpenVINO would make one sum of two.
    """
    return _norms_by(_in_stages, network)


@contextmanager
def _norms_by(
    forward: Callable[[nn.InstanceNorm3d, torch.Tensor], torch.Tensor], network: nn.Module
) -> Iterator[None]:
    norms = [m for m in network.modules() if isinstance(m, nn.InstanceNorm3d) and not m.track_running_stats]
    for norm in norms:
        norm.forward = partial(forward, norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _by_channel(norm: nn.InstanceNorm3d, x: torch.Tensor) -> torch.Tensor:
    if len(x) != 1:
        return type(norm).forward(norm, x)
    return functional.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)


def _in_stages(norm: nn.InstanceNorm3d, x: torch.Tensor) -> torch.Tensor:
    mean = _mean_of_rows(x.mean(4))
    square = _mean_of_rows(torch.linalg.vector_norm(x, dim=4).square() / x.shape[4])
    scale = torch.rsqrt((square - mean.square()).clamp(min=0) + norm.eps)
    if norm.affine:
        scale = scale * norm.weight.view(1, -1, 1, 1, 1)
    shift = -mean * scale
    return x * scale + (shift + norm.bias.view(1, -1, 1, 1, 1) if norm.affine else shift)


def _mean_of_rows(rows: torch.Tensor) -> torch.Tensor:
    """(B, C, 1, 1, 1) of (B, C, X, Y)."""
    batch, channels, planes, count = rows.shape
    of_planes = rows.reshape(batch * channels * planes, count).mean(1)
    return of_planes.reshape(batch, channels, planes).mean(2).reshape(batch, channels, 1, 1, 1)
