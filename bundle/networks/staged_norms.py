"""Instance norms for runtimes that add up a whole volume in one float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

__all__ = ["norms_in_stages"]


@contextmanager
def norms_in_stages(network: nn.Module) -> Iterator[None]:
    """Inside, instance norms take mean and variance row by row, then plane by plane, then of the volume.

    The same numbers in PyTorch, which adds with more care than OpenVINO: that sums the millions of values of
    a channel one after the other in float32 (2026.4), which makes norms wrong by up to 4e-4 and, after all
    layers, probabilities by 0.02. Sums of a row of 160 are right to 1e-6, where a channel's mean is not many
    times its spread (five in the shipped network). Between the stages the tensor gets another shape, as
    OpenVINO would make one sum of two.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.InstanceNorm3d) and not m.track_running_stats]
    for norm in norms:
        norm.forward = partial(_in_stages, norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


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
