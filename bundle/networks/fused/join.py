"""What is skipped and what comes from below, side by side."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from .layout import channels_last, empty_last, layout_of

__all__ = ["join"]


def join(skip: torch.Tensor, below: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """``torch.cat([skip, below + bias], 1)`` in one pass.

    Args:
        skip, below: (B, C, X, Y, Z), of one type, on CUDA.
        bias: (C,), of the convolution that made ``below``.

    Returns:
        (B, 2C, X, Y, Z), channels last in memory.
    """
    return _Join.apply(skip, below, bias)


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx, skip, below, bias):
        skip, below = channels_last(skip), channels_last(below.to(skip.dtype))
        batch, channels, *size = skip.shape
        both = empty_last((batch, 2 * channels, *size), skip)
        count = skip[0, 0].numel()
        lay = layout_of(batch, channels, count)
        _join[(lay.blocks, batch)](skip, below, bias, both, count, channels, lay.lanes, lay.rows)
        ctx.bias_dtype = bias.dtype
        return both

    @staticmethod
    def backward(ctx, grad):
        grad = channels_last(grad)
        batch, channels, *size = grad.shape
        channels //= 2
        below = empty_last((batch, channels, *size), grad)
        count = grad[0, 0].numel()
        lay = layout_of(batch, channels, count)
        parts = grad.new_empty((batch, lay.parts, channels), dtype=torch.float32)
        _split[(lay.parts, batch)](
            grad, below, parts, count, lay.parts, lay.part, channels, lay.lanes, lay.rows
        )
        return grad[:, :channels], below, parts.sum((0, 1)).to(ctx.bias_dtype)


@triton.jit
def _join(
    skip, below, bias, both, count, C: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr
):  # fmt: skip
    sample, lane = tl.program_id(1).to(tl.int64), tl.arange(0, LANES)
    is_lane = lane < C
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = (row < count)[:, None] & is_lane[None, :]
    place = (sample * count + row)[:, None]
    shift = tl.load(bias + lane, mask=is_lane, other=0).to(tl.float32)[None, :]
    at = place * C + lane[None, :]
    tl.store(both + 2 * place * C + lane[None, :], tl.load(skip + at, mask=inside, other=0), mask=inside)
    value = tl.load(below + at, mask=inside, other=0).to(tl.float32) + shift
    tl.store(both + (2 * place + 1) * C + lane[None, :], value.to(both.dtype.element_ty), mask=inside)


@triton.jit
def _split(
    grad, below, parts, count, n_parts, part, C: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr
):  # fmt: skip
    """The second half of the channels, and its sums over a part of the rows."""
    sample, number = tl.program_id(1).to(tl.int64), tl.program_id(0)
    lane = tl.arange(0, LANES)
    is_lane = lane < C
    total = tl.zeros((ROWS, LANES), tl.float32)
    end = tl.minimum((number + 1) * part, count)
    for start in range(number * part, end, ROWS):
        row = start + tl.arange(0, ROWS)
        inside = (row < end)[:, None] & is_lane[None, :]
        place = (sample * count + row)[:, None]
        value = tl.load(grad + (2 * place + 1) * C + lane[None, :], mask=inside, other=0)
        tl.store(below + place * C + lane[None, :], value, mask=inside)
        total += value.to(tl.float32)
    tl.store(parts + (sample * n_parts + number) * C + lane, tl.sum(total, 0), mask=is_lane)
