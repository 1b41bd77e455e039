"""The two functions of `torchvision.utils` that MONAI Label imports, in their plain form.

The app for bundles calls neither; without them MONAI Label does not start.
"""

from __future__ import annotations

import os

import torch
from PIL import Image


def make_grid(tensor: torch.Tensor, nrow: int = 8, padding: int = 2) -> torch.Tensor:
    """Images (N, C, H, W) side by side, `nrow` a row, as (C, rows * (H + p) + p, columns * (W + p) + p)."""
    count, channels, height, width = tensor.shape
    columns = min(nrow, count)
    rows = -(-count // columns)
    step_y, step_x = height + padding, width + padding
    grid = tensor.new_zeros(channels, rows * step_y + padding, columns * step_x + padding)
    for number, image in enumerate(tensor):
        row, column = divmod(number, columns)
        top, left = row * step_y + padding, column * step_x + padding
        grid[:, top : top + height, left : left + width] = image
    return grid


def save_image(tensor: torch.Tensor, path: str | os.PathLike) -> None:
    """Write one image (1 or 3, H, W) with values in 0...1 to `path`, in the format that its suffix names."""
    pixels = tensor.mul(255).add(0.5).clamp(0, 255).to(torch.uint8).cpu()
    Image.fromarray(pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).numpy()).save(path)
