"""What makes a network quick on a CPU with half-precision units, without changing its answer."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["half_precision", "is_quick_in_half", "memory_kept"]


def is_quick_in_half(device: torch.device | str) -> bool:
    """Whether 16-bit floats are quicker than 32-bit ones there: on CUDA, and on a CPU that has bf16 units.

    A CPU without them imitates bfloat16 and takes many times as long.
    """
    kind = torch.device(device).type
    if kind != "cpu":
        return kind == "cuda"
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)


def half_precision(device: torch.device | str, enabled: bool) -> torch.autocast:
    """Autocast to float16 on CUDA, to bfloat16 elsewhere; not enabled, it leaves an outer autocast alone."""
    kind = torch.device(device).type
    is_outer = torch.is_autocast_enabled(kind)
    dtype = torch.float16 if kind == "cuda" else torch.bfloat16
    if is_outer and not enabled:
        dtype = torch.get_autocast_dtype(kind)
    return torch.autocast(kind, dtype, enabled=enabled or is_outer)


@contextmanager
def memory_kept() -> Iterator[None]:
    """Inside, the memory of a freed array serves the next one instead of going back to the system.

    Fresh memory comes from the system page by page, each filled with zeros: of a window's time on a CPU that
    is a third. A setting of glibc; without it (macOS, Windows, musl) nothing changes.
    """
    try:
        libc = ctypes.CDLL(None)
        set_option, trim = libc.mallopt, libc.malloc_trim
    except (AttributeError, OSError, TypeError):
        yield
        return
    set_option(_MMAP_MAX, 0)
    set_option(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        set_option(_MMAP_MAX, 65536)  # glibc's defaults
        set_option(_TRIM_THRESHOLD, 128 * 1024)
        trim(0)


_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of malloc.h
