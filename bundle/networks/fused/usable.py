"""Whether the kernels can be used here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch
from torch import nn

__all__ = ["can_fuse", "plain_passes", "why_not_fused"]

logger = logging.getLogger(__name__)
_is_plain = ContextVar("is_plain", default=False)
_told: set[torch.device] = set()


def can_fuse(x: torch.Tensor, norm: nn.Module) -> bool:
    """Whether a network with such norms can take ``x`` through the kernels.

    On CUDA with Triton, and instance norms with weights. Not while PyTorch compiles, traces or exports the
    network, which would see kernels in place of operations that it knows.
    """
    if not x.is_cuda or torch.compiler.is_compiling() or torch.jit.is_tracing() or _is_plain.get():
        return False
    is_instance = isinstance(norm, nn.InstanceNorm3d) and norm.affine and not norm.track_running_stats
    return is_instance and _works(x.device)


@contextmanager
def plain_passes() -> Iterator[None]:
    """Inside, networks use PyTorch's own passes, also where they could be fused."""
    token = _is_plain.set(True)
    try:
        yield
    finally:
        _is_plain.reset(token)


def _works(device: torch.device) -> bool:
    why = why_not_fused(device)
    if why and device not in _told:
        _told.add(device)
        logger.warning("The network takes twice as long as it could: %s", why)
    return not why


@cache
def why_not_fused(device: torch.device) -> str:
    """Why Triton does not work on a GPU, as a part of a sentence; empty where it does.

    It may be missing, and it needs a C compiler and a GPU that it knows: one kernel is tried.
    """
    try:
        from .norm import instance_norm_relu

        with torch.inference_mode(), torch.cuda.device(device):  # Triton takes the current one
            x = torch.ones((1, 8, 2, 2, 2), device=device)
            instance_norm_relu(x, *torch.ones((2, 8), device=device))
            torch.cuda.synchronize(device)
    except torch.OutOfMemoryError:
        raise  # of whatever else is there
    except Exception as error:  # of many kinds: import, compiler, driver
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        return f"Triton, which PyTorch for CUDA brings and which needs a C compiler, does not work ({reason})"
    return ""
