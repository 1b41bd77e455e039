"""How an activation is laid over the programs of a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import triton

__all__ = ["Layout", "channels_last", "empty_last", "layout_of", "row_stride"]

_CELLS = 4096  # values that a program holds at a time
_PROGRAMS = 528  # that sum up: four for each multiprocessor of an H100


class Layout(NamedTuple):
    """Of one activation (B, C, X, Y, Z), channels last: for each of B, N = X·Y·Z rows of C values.

    lanes: C, rounded up to a power of two.
    rows: that a program takes at a time.
    parts, part: number of programs that sum up the rows of one sample, and rows of each.
    blocks: programs that pass over the rows of one sample.
    """

    lanes: int
    rows: int
    parts: int
    part: int
    blocks: int


def layout_of(batch: int, channels: int, count: int) -> Layout:
    """For B, C and N."""
    lanes = triton.next_power_of_2(channels)
    rows = max(_CELLS // lanes, 1)
    blocks = triton.cdiv(count, rows)
    part = triton.cdiv(blocks, max(_PROGRAMS // batch, 1)) * rows
    return Layout(lanes, rows, triton.cdiv(count, part), part, blocks)


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """An activation with its channels last in memory; itself where they are."""
    return x.contiguous(memory_format=torch.channels_last_3d)


def empty_last(shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """An activation that is yet to be filled, of the type and on the device of another, channels last."""
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last_3d)


def row_stride(x: torch.Tensor) -> int | None:
    """Values between two rows of an activation or a slice of its channels; None if these do not lie last."""
    _, _, width, height, depth = x.shape
    stride = x.stride(4)
    rows = (width * height * depth * stride, 1, height * depth * stride, depth * stride, stride)
    return stride if x.stride() == rows else None
