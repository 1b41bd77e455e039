"""Which program runs the network: PyTorch, OpenVINO or ONNX Runtime."""

from __future__ import annotations

import os

import torch
from torch import nn

from bundle.common.errors import InputError

from .compiled import CompiledNetwork
from .engines import ENGINES

__all__ = ["described_runtime", "on_runtime", "runtime_of"]

_NAMES = ("auto", "torch", *ENGINES)


def on_runtime(
    network: nn.Module,
    runtime: str = "auto",
    device: torch.device | str = "cpu",
    half: bool = False,
    cache_dir: str | os.PathLike | None = None,
) -> nn.Module:
    """The network on its device, or what stands for it on another runtime.

    Args:
        network: in PyTorch.
        runtime: "torch"; "openvino" or "onnx", which run on a CPU; "auto" is openvino on a CPU where it is
            installed, else torch; where OpenVINO cannot run the network as PyTorch does, torch after all,
            with a warning.
        device: where the network runs.
        half: bfloat16 in the other runtime, where it has it; PyTorch has its autocast.
        cache_dir: see `CompiledNetwork`.

    Raises:
        InputError: no such runtime, one whose packages are missing, or one that cannot run on the device.
    """
    if runtime not in _NAMES:
        raise InputError(f"runtime is {runtime!r}; it must be {', '.join(_NAMES[:-1])} or {_NAMES[-1]}.")
    is_cpu = torch.device(device).type == "cpu"
    is_auto = runtime == "auto"
    if is_auto:
        runtime = "openvino" if is_cpu and not ENGINES["openvino"].missing() else "torch"
    if runtime == "torch":
        return network.to(device)
    missing = ENGINES[runtime].missing()
    if missing:
        raise InputError(
            f"runtime is {runtime}, and {' and '.join(missing)} cannot be found; "
            f"pip install {' '.join(missing)}, or give runtime torch (--runtime torch, or --set "
            "runtime=torch)."
        )
    if not is_cpu:
        raise InputError(
            f"runtime is {runtime}, which runs on the CPU, and device is '{device}'; "
            "give --device cpu, or runtime torch (--runtime torch, or --set runtime=torch)."
        )
    return CompiledNetwork(network.to(device), runtime, half, cache_dir, falls_back=is_auto)


def runtime_of(network: nn.Module) -> str:
    """What is to run it: "torch", "openvino" or "onnx"."""
    return network.runtime if isinstance(network, CompiledNetwork) else "torch"


def described_runtime(network: nn.Module) -> str:
    """What runs it so far, with its version: "torch 2.13.0", "OpenVINO 2026.4.1, bfloat16"."""
    if not isinstance(network, CompiledNetwork) or network.remark is not None:
        return f"torch {torch.__version__}"
    precision = "bfloat16" if network.half else "float32"
    return f"{network.engine.title} {network.engine.version()}, {precision}"
