"""The runtimes that run an ONNX model on the CPU: OpenVINO, ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from .norms import norms_in_stages

__all__ = ["ENGINES", "Engine", "Run"]

Run = Callable[[np.ndarray], np.ndarray]
"""From an input (B, C, X, Y, Z), float32, to logits (B, N, X, Y, Z), float32.

It may have a method ``release``, which gives back the memory that it keeps from one input to the next.
"""


def _openvino(model: bytes, half: bool) -> Run:
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(model),
        "CPU",
        {
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        },
    )
    return _OpenVINORun(compiled)


class _OpenVINORun:
    def __init__(self, compiled) -> None:
        self.compiled = compiled

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.compiled(x)[0]

    def release(self) -> None:
        self.compiled.release_memory()


def _onnxruntime(model: bytes, half: bool) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


class Engine(NamedTuple):
    """A runtime.

    Attributes:
        title: its own name.
        packages: that it needs, PyTorch's export among them.
        load: from a model and whether 16 bits are wanted to what runs it, with PyTorch's number of threads.
        has_half: whether it runs in bfloat16 where that is wanted; float32 otherwise.
        adapted: within it a network is exported, in the form in which the runtime answers as PyTorch does.
    """

    title: str
    packages: tuple[str, ...]
    load: Callable[[bytes, bool], Run]
    has_half: bool
    adapted: Callable[[nn.Module], AbstractContextManager[None]]

    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if find_spec(name) is None]

    def version(self) -> str:
        """Of the first package, whatever distribution brings it."""
        try:
            return version(self.packages[0])
        except PackageNotFoundError:  # onnxruntime-gpu, say
            return import_module(self.packages[0]).__version__


ENGINES = {
    "openvino": Engine("OpenVINO", ("openvino", "onnx", "onnxscript"), _openvino, True, norms_in_stages),
    "onnx": Engine("ONNX Runtime", ("onnxruntime", "onnx", "onnxscript"), _onnxruntime, False, nullcontext),
}
