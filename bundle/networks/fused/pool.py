"""Max-pooling beside the connection that skips it."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from .layout import channels_last, empty_last, layout_of, row_stride

__all__ = ["pool_and_keep"]


def pool_and_keep(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """``x`` itself and its maxima over 2³ voxels; the gradients of both are added in one pass.

    Of equal values the first takes the gradient, in the order of X, Y, Z.

    Args:
        x: (B, C, X, Y, Z) with even X, Y, Z, on CUDA.

    Returns:
        ``x`` and (B, C, X/2, Y/2, Z/2), channels last in memory.
    """
    return _PoolAndKeep.apply(x)


class _PoolAndKeep(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        kept = channels_last(x)
        batch, channels, *size = kept.shape
        half = [n // 2 for n in size]
        pooled = empty_last((batch, channels, *half), kept)
        count = half[0] * half[1] * half[2]
        lay = layout_of(batch, channels, count)
        _pool[(lay.blocks, batch)](kept, pooled, count, *half[1:], channels, lay.lanes, lay.rows)
        ctx.save_for_backward(kept)
        return kept.view_as(kept), pooled

    @staticmethod
    def backward(ctx, grad_kept, grad_pooled):
        (kept,) = ctx.saved_tensors
        batch, channels, *size = kept.shape
        half = [n // 2 for n in size]
        stride = row_stride(grad_kept)
        if stride is None:
            grad_kept = channels_last(grad_kept)
            stride = channels
        grad_pooled = channels_last(grad_pooled)
        grad = torch.empty_like(kept)
        count = half[0] * half[1] * half[2]
        lay = layout_of(batch, channels, count)
        _grad[(lay.blocks, batch)](
            kept, grad_kept, grad_pooled, grad, count, *half[1:], stride, channels, lay.lanes, lay.rows
        )
        return grad


@triton.jit
def _corner(row, height, depth):
    """Row of the first of the eight voxels that lie over a pooled one; its sample aside."""
    z = row % depth
    y = (row // depth) % height
    x = row // (depth * height)
    return (2 * x * 2 * height + 2 * y) * 2 * depth + 2 * z


@triton.jit
def _pool(
    x, pooled, count, height, depth, C: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr
):  # fmt: skip
    sample, lane = tl.program_id(1).to(tl.int64), tl.arange(0, LANES)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = (row < count)[:, None] & (lane < C)[None, :]
    corner = (sample * count * 8 + _corner(row, height, depth))[:, None] * C + lane[None, :]
    best = tl.load(x + corner, mask=inside, other=0)
    for number in tl.static_range(1, 8):
        step = ((number // 4) * 2 * height + (number // 2) % 2) * 2 * depth + number % 2
        value = tl.load(x + corner + step * C, mask=inside, other=0)
        best = tl.maximum(best, value, propagate_nan=tl.PropagateNan.ALL)
    tl.store(pooled + (sample * count + row)[:, None] * C + lane[None, :], best, mask=inside)


@triton.jit
def _grad(
    x, grad_kept, grad_pooled, grad, count, height, depth, stride,
    C: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    sample, lane = tl.program_id(1).to(tl.int64), tl.arange(0, LANES)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = (row < count)[:, None] & (lane < C)[None, :]
    corner = (sample * count * 8 + _corner(row, height, depth))[:, None]
    best = tl.load(x + corner * C + lane[None, :], mask=inside, other=0)
    for number in tl.static_range(1, 8):
        step = ((number // 4) * 2 * height + (number // 2) % 2) * 2 * depth + number % 2
        value = tl.load(x + (corner + step) * C + lane[None, :], mask=inside, other=0)
        best = tl.maximum(best, value, propagate_nan=tl.PropagateNan.ALL)
    from_pooled = tl.load(
        grad_pooled + (sample * count + row)[:, None] * C + lane[None, :], mask=inside, other=0
    )
    from_pooled = from_pooled.to(tl.float32)
    is_given = tl.zeros((ROWS, LANES), tl.int1)
    for number in tl.static_range(8):
        step = ((number // 4) * 2 * height + (number // 2) % 2) * 2 * depth + number % 2
        at = (corner + step) * C + lane[None, :]
        is_best = (tl.load(x + at, mask=inside, other=0) == best) & (is_given == 0)
        is_given = is_given | is_best
        value = tl.load(grad_kept + (corner + step) * stride + lane[None, :], mask=inside, other=0)
        value = value.to(tl.float32) + tl.where(is_best, from_pooled, 0)
        tl.store(grad + at, value.to(grad.dtype.element_ty), mask=inside)
