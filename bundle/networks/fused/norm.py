"""Instance norm, sum with a shortcut and ReLU."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from .layout import channels_last, layout_of, row_stride

__all__ = ["instance_norm_relu"]


def instance_norm_relu(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    shortcut: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> torch.Tensor:
    """``relu(instance_norm(x) * weight + bias + shortcut)`` in two passes, and three in its gradient.

    Sums are taken in float32, around the first voxel of each channel, in an order that does not change.

    Args:
        x: (B, C, X, Y, Z), float32, float16 or bfloat16, on CUDA.
        weight, bias: (C,).
        shortcut: as ``x``.

    Returns:
        As ``x``, channels last in memory.
    """
    return _InstanceNormReLU.apply(x, weight, bias, shortcut, eps)


class _InstanceNormReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, shortcut, eps):
        x = channels_last(x)
        has_shortcut = shortcut is not None
        other = channels_last(shortcut.to(x.dtype)) if has_shortcut else x
        batch, channels = x.shape[:2]
        count = x[0, 0].numel()
        lay = layout_of(batch, channels, count)
        parts = x.new_empty((batch, lay.parts, 2, channels), dtype=torch.float32)
        moments = x.new_empty((batch, 2, channels), dtype=torch.float32)  # mean, 1 / standard deviation
        y = torch.empty_like(x)
        _sums[(lay.parts, batch)](x, parts, count, lay.parts, lay.part, channels, lay.lanes, lay.rows)
        _moments[(batch,)](x, parts, moments, eps, count, lay.parts, channels, lay.lanes)
        _normalise[(lay.blocks, batch)](
            x, other, y, moments, weight, bias, count, channels, lay.lanes, lay.rows, has_shortcut
        )
        ctx.save_for_backward(x, y if has_shortcut else None, moments, weight, bias)
        return y

    @staticmethod
    def backward(ctx, grad):
        x, y, moments, weight, bias = ctx.saved_tensors
        has_shortcut = y is not None
        stride = row_stride(grad)
        if stride is None:
            grad = channels_last(grad)
            stride = grad.shape[1]
        batch, channels = x.shape[:2]
        count = x[0, 0].numel()
        lay = layout_of(batch, channels, count)
        parts = x.new_empty((batch, lay.parts, 2, channels), dtype=torch.float32)
        seen = y if has_shortcut else x
        own = (moments, weight, bias)
        shape = (channels, lay.lanes, lay.rows, has_shortcut)
        _grad_sums[(lay.parts, batch)](grad, seen, x, parts, *own, count, lay.parts, lay.part, stride, *shape)
        sums = parts.sum(1)
        grad_x = torch.empty_like(x)
        grad_shortcut = torch.empty_like(x) if has_shortcut else grad_x
        _grad[(lay.blocks, batch)](grad, seen, x, grad_x, grad_shortcut, sums, *own, count, stride, *shape)
        grad_bias, grad_weight = sums.sum(0).unbind(0)
        return (
            grad_x,
            grad_weight.to(weight.dtype),
            grad_bias.to(bias.dtype),
            grad_shortcut if has_shortcut else None,
            None,
        )


@triton.jit
def _sums(x, parts, count, n_parts, part, C: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr):
    """Sums of values and squares over a part of the rows, around the first row."""
    sample, number = tl.program_id(1).to(tl.int64), tl.program_id(0)
    lane = tl.arange(0, LANES)
    is_lane = lane < C
    x += sample * count * C
    first = tl.load(x + lane, mask=is_lane, other=0).to(tl.float32)[None, :]
    total = tl.zeros((ROWS, LANES), tl.float32)
    squares = tl.zeros((ROWS, LANES), tl.float32)
    end = tl.minimum((number + 1) * part, count)
    for start in range(number * part, end, ROWS):
        row = start + tl.arange(0, ROWS)
        is_row = row < end
        at = row.to(tl.int64)[:, None] * C + lane[None, :]
        inside = is_row[:, None] & is_lane[None, :]
        value = tl.load(x + at, mask=inside, other=0).to(tl.float32)
        value = tl.where(inside, value - first, 0)
        total += value
        squares += value * value
    parts += (sample * n_parts + number) * 2 * C
    tl.store(parts + lane, tl.sum(total, 0), mask=is_lane)
    tl.store(parts + C + lane, tl.sum(squares, 0), mask=is_lane)


@triton.jit
def _moments(x, parts, moments, eps, count, n_parts, C: tl.constexpr, LANES: tl.constexpr):
    """Mean and 1 / standard deviation of each channel of a sample."""
    sample = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, LANES)
    is_lane = lane < C
    parts += sample * n_parts * 2 * C
    total = tl.zeros((LANES,), tl.float32)
    squares = tl.zeros((LANES,), tl.float32)
    for number in range(n_parts):
        total += tl.load(parts + number * 2 * C + lane, mask=is_lane, other=0)
        squares += tl.load(parts + number * 2 * C + C + lane, mask=is_lane, other=0)
    first = tl.load(x + sample * count * C + lane, mask=is_lane, other=0).to(tl.float32)
    off = total / count
    variance = tl.maximum(squares / count - off * off, 0)
    moments += sample * 2 * C
    tl.store(moments + lane, first + off, mask=is_lane)
    tl.store(moments + C + lane, 1 / tl.sqrt(variance + eps), mask=is_lane)


@triton.jit
def _own(moments, weight, bias, sample, lane, is_lane, C: tl.constexpr):
    """Mean, 1 / standard deviation, weight and bias, each (1, LANES)."""
    mean = tl.load(moments + sample * 2 * C + lane, mask=is_lane, other=0)
    scale = tl.load(moments + sample * 2 * C + C + lane, mask=is_lane, other=0)
    own = tl.load(weight + lane, mask=is_lane, other=0).to(tl.float32)
    shift = tl.load(bias + lane, mask=is_lane, other=0).to(tl.float32)
    return mean[None, :], scale[None, :], own[None, :], shift[None, :]


@triton.jit
def _normalise(
    x, shortcut, y, moments, weight, bias, count,
    C: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr, SHORTCUT: tl.constexpr,
):  # fmt: skip
    sample, lane = tl.program_id(1).to(tl.int64), tl.arange(0, LANES)
    is_lane = lane < C
    mean, scale, own, shift = _own(moments, weight, bias, sample, lane, is_lane, C)
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = (row < count)[:, None] & is_lane[None, :]
    at = (sample * count + row)[:, None] * C + lane[None, :]
    value = (tl.load(x + at, mask=inside, other=0).to(tl.float32) - mean) * scale * own + shift
    if SHORTCUT:
        value += tl.load(shortcut + at, mask=inside, other=0).to(tl.float32)
    value = tl.maximum(value, 0, propagate_nan=tl.PropagateNan.ALL)  # as PyTorch's ReLU
    tl.store(y + at, value.to(y.dtype.element_ty), mask=inside)


@triton.jit
def _through_relu(
    grad, seen, x, at, at_grad, inside, mean, scale, own, shift, SHORTCUT: tl.constexpr
):  # fmt: skip
    """The gradient before the ReLU, and the normed value; ``seen`` tells where the ReLU was open."""
    normed = (tl.load(x + at, mask=inside, other=0).to(tl.float32) - mean) * scale
    if SHORTCUT:
        is_open = tl.load(seen + at, mask=inside, other=0).to(tl.float32) > 0
    else:
        is_open = normed * own + shift > 0
    value = tl.load(grad + at_grad, mask=inside, other=0).to(tl.float32)
    return tl.where(is_open & inside, value, 0), normed


@triton.jit
def _grad_sums(
    grad, seen, x, parts, moments, weight, bias, count, n_parts, part, stride,
    C: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr, SHORTCUT: tl.constexpr,
):  # fmt: skip
    """Sums over a part of the rows of the gradient, and of it times the normed values."""
    sample, number = tl.program_id(1).to(tl.int64), tl.program_id(0)
    lane = tl.arange(0, LANES)
    is_lane = lane < C
    mean, scale, own, shift = _own(moments, weight, bias, sample, lane, is_lane, C)
    total = tl.zeros((ROWS, LANES), tl.float32)
    along = tl.zeros((ROWS, LANES), tl.float32)
    end = tl.minimum((number + 1) * part, count)
    for start in range(number * part, end, ROWS):
        row = start + tl.arange(0, ROWS)
        inside = (row < end)[:, None] & is_lane[None, :]
        place = (sample * count + row)[:, None]
        value, normed = _through_relu(
            grad, seen, x, place * C + lane[None, :], place * stride + lane[None, :], inside,
            mean, scale, own, shift, SHORTCUT,
        )  # fmt: skip
        total += value
        along += value * normed
    parts += (sample * n_parts + number) * 2 * C
    tl.store(parts + lane, tl.sum(total, 0), mask=is_lane)
    tl.store(parts + C + lane, tl.sum(along, 0), mask=is_lane)


@triton.jit
def _grad(
    grad, seen, x, grad_x, grad_shortcut, sums, moments, weight, bias, count, stride,
    C: tl.constexpr, LANES: tl.constexpr, ROWS: tl.constexpr, SHORTCUT: tl.constexpr,
):  # fmt: skip
    sample, lane = tl.program_id(1).to(tl.int64), tl.arange(0, LANES)
    is_lane = lane < C
    mean, scale, own, shift = _own(moments, weight, bias, sample, lane, is_lane, C)
    total = tl.load(sums + sample * 2 * C + lane, mask=is_lane, other=0)[None, :] / count
    along = tl.load(sums + sample * 2 * C + C + lane, mask=is_lane, other=0)[None, :] / count
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = (row < count)[:, None] & is_lane[None, :]
    place = (sample * count + row)[:, None]
    at = place * C + lane[None, :]
    value, normed = _through_relu(
        grad, seen, x, at, place * stride + lane[None, :], inside, mean, scale, own, shift, SHORTCUT
    )
    before = own * scale * (value - total - normed * along)
    tl.store(grad_x + at, before.to(grad_x.dtype.element_ty), mask=inside)
    if SHORTCUT:
        tl.store(grad_shortcut + at, value.to(grad_shortcut.dtype.element_ty), mask=inside)
