"""A mean over some voxels of all."""

from __future__ import annotations

import torch


def weighted_mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean of values with weights in [0, 1] of one shape, a scalar; 0 where all weights are."""
    return (values * weight).sum() / weight.sum().clamp(min=1.0)
