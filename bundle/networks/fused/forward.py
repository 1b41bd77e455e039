"""The forward pass of ResUNet3D with the fused kernels."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import nn
from torch.nn import functional

__all__ = ["fused_forward"]


def fused_forward(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What a `ResUNet3D` says of ``x``, on CUDA.

    Biases of shortcuts go into the norm beside them, those of transposed convolutions into `join`. Hooks of
    the blocks and norms inside are not called.
    """
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():  # Triton takes the current one
        return _forward(network, x)


def _forward(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    from .join import join
    from .pool import pool_and_keep

    if x.shape[1] == 1:  # else PyTorch takes it for a volume with channels first, and copies what comes of it
        x = x.squeeze(1).unsqueeze(-1).movedim(-1, 1)
    skips = []
    for encoder in network.encoders:
        kept, x = pool_and_keep(_block(encoder, x))
        skips.append(kept)
    x = _block(network.bottleneck, x)
    for upsample, decoder in zip(network.upsamplers, network.decoders):
        below = functional.conv_transpose3d(x, upsample.weight, stride=2)
        x = _block(decoder, join(skips.pop(), below, upsample.bias))
    return network.head(x)


def _block(block: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What a `ResidualBlock` says of ``x``."""
    from .norm import instance_norm_relu

    norm = block.norm1
    y = instance_norm_relu(block.conv1(x), norm.weight, norm.bias, eps=norm.eps)
    y = block.conv2(block.dropout(y))
    norm, shift, shortcut = block.norm2, block.norm2.bias, x
    if not isinstance(block.shortcut, nn.Identity):
        shortcut, shift = functional.conv3d(x, block.shortcut.weight), shift + block.shortcut.bias
    return instance_norm_relu(y, norm.weight, shift, shortcut, norm.eps)
