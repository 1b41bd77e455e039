"""One more level for trained weights, at which the network says at first what it said before."""

from __future__ import annotations

import torch

from .resunet3d import ResUNet3D

__all__ = ["deepened"]


def deepened(state: dict[str, torch.Tensor], network: ResUNet3D) -> dict[str, torch.Tensor]:
    """Weights for `network` from those of the same network with one level less.

    The old bottleneck becomes the deepest encoder, and a new bottleneck and decoder lie below it. The
    decoder's shortcut passes the encoder's features on and its own branch begins at nought, so that the
    outputs do not change until training changes them (after Chen, Goodfellow and Shlens, Net2Net, ICLR 2016).
    A wider view then need not be learnt from nothing.

    Args:
        state: of the shallower network; every size but the number of levels as in `network`.
        network: whose own initial weights the new level takes.

    Returns:
        A state_dict for `network`, floats in float32.

    Raises:
        ValueError: weights that are not of such a network.
    """
    depth = len(network.encoders)  # the bottleneck not counted
    moved = {}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        if part == "bottleneck":
            part, rest = "encoders", f"{depth - 1}.{rest}"
        elif part in ("upsamplers", "decoders"):
            number, _, rest = rest.partition(".")
            rest = f"{int(number) + 1}.{rest}"
        moved[f"{part}.{rest}"] = value.float() if value.is_floating_point() else value
    new = {name: value.clone() for name, value in network.state_dict().items()}
    fresh = ("bottleneck.", "upsamplers.0.", "decoders.0.")
    kept = {name for name in new if not name.startswith(fresh)}
    if kept != set(moved) or any(new[name].shape != moved[name].shape for name in kept):
        raise ValueError("The weights are not those of the same network with one level less.")
    new |= moved
    shortcut = new["decoders.0.shortcut.weight"]
    width = shortcut.shape[0]
    shortcut.zero_()
    shortcut[:, :width, 0, 0, 0] = torch.eye(width)
    for name in ("shortcut.bias", "norm2.weight", "norm2.bias"):
        new[f"decoders.0.{name}"].zero_()
    return new
