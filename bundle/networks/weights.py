"""Weights on disk: a bare state_dict, tensors only."""

from __future__ import annotations

import os
import pickle
from typing import Any

import torch
from torch import nn

from bundle.common.errors import InputError
from bundle.common.files import replacing

__all__ = ["load_weights", "read_checkpoint", "restore", "save_checkpoint", "save_weights"]


def save_checkpoint(content: dict[str, Any], path: str | os.PathLike) -> None:
    """``torch.save`` into a file that appears whole or not at all: a kill leaves the old one."""
    with replacing(path) as temporary:
        torch.save(content, temporary)


def read_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """What ``path`` holds, on the CPU; nothing but tensors and plain values is unpickled.

    Raises:
        InputError: no such file, or not a PyTorch file of tensors and plain values.
    """
    if not os.path.isfile(path):
        raise InputError(f"{path} does not exist; give the path of a checkpoint, such as models/model.pt.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read as a checkpoint; it must be a PyTorch file that holds tensors and plain "
            "values only."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}; a checkpoint is a dictionary.")
    return content


def restore(network: nn.Module, state: dict[str, torch.Tensor], path: str | os.PathLike) -> None:
    """Put ``state`` into ``network``, casting to its precision. ``path`` is named in the error.

    Raises:
        InputError: a name or a shape differs, so the weights are of another architecture.
    """
    own = network.state_dict()
    wrong = [name for name in own if name not in state or tuple(state[name].shape) != tuple(own[name].shape)]
    wrong += [name for name in state if name not in own]
    if wrong:
        first = wrong[0]
        there = tuple(state[first].shape) if first in state else "nothing"
        here = tuple(own[first].shape) if first in own else "nothing"
        raise InputError(
            f"{path} holds the weights of another architecture than {type(network).__name__} as configured: "
            f"{len(wrong)} entries differ, the first is {first} with {there} in the file and {here} in the "
            "network; give the channels and the network_def that it was trained with."
        )
    network.load_state_dict(state)


def load_weights(network: nn.Module, path: str | os.PathLike) -> nn.Module:
    """Load a state_dict, bare or under "model" (as checkpoints have it), into ``network`` and return it.

    Half precision in the file is cast to the network's precision.

    Raises:
        InputError: the file is missing, unreadable, or of another architecture.
    """
    content = read_checkpoint(path)
    state = content.get("model", content)
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(f'{path} holds no weights; a state_dict is expected, bare or under the key "model".')
    restore(network, state, path)
    return network


def save_weights(network: nn.Module, path: str | os.PathLike, half: bool = False) -> None:
    """Write the bare state_dict, as MONAI's tools read it; floats as fp16 where ``half`` is set."""
    state = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    if half:
        state = {name: t.half() if t.is_floating_point() else t for name, t in state.items()}
    save_checkpoint(state, path)
