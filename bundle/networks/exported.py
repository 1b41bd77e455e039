"""A network as ONNX, for the runtimes that take it."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from bundle.common.errors import RunFailed

__all__ = ["as_onnx", "fingerprint"]

_NOISY = ("torch.onnx", "onnxscript", "onnx_ir")  # tell of every step, and that torchvision is not there


def fingerprint(network: nn.Module, *others: str) -> str:
    """SHA-256 of a network's layers and weights, PyTorch's version, and further words."""
    digest = hashlib.sha256("\n".join([repr(network), torch.__version__, *others]).encode())
    for name, tensor in network.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def as_onnx(network: nn.Module, shape: Sequence[int]) -> bytes:
    """The file's bytes, weights inside, of a network in evaluation mode on the CPU, for inputs of one shape.

    Runtimes plan their memory by the shape: OpenVINO takes 1.6 times as long for a graph of any shape.

    Args:
        shape: (B, C, X, Y, Z) of its input.

    Raises:
        RunFailed: PyTorch cannot export the network.
    """
    try:
        with _quietly(), torch.inference_mode(False), torch.autocast("cpu", enabled=False):
            program = torch.onnx.export(network, (torch.zeros(*shape),), dynamo=True, verbose=False)
    except Exception as error:
        raise RunFailed(
            f"PyTorch cannot export {type(network).__name__} for another runtime; give runtime "
            "torch (--runtime torch, or --set runtime=torch)."
        ) from error
    return program.model_proto.SerializeToString()


@contextmanager
def _quietly() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [noisy.level for noisy in loggers]
    for noisy in loggers:
        noisy.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for noisy, level in zip(loggers, levels):
            noisy.setLevel(level)
