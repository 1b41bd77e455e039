"""Phantoms of a pool, `<seed>.npz`, straight onto the device that trains on them."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from bundle.common.errors import InputError
from bundle.phantom import WHOLE

__all__ = ["LoadPhantomd", "pool_cases"]


def pool_cases(folder: str | os.PathLike) -> list[dict[str, str]]:
    """``{"image", "label", "case"}`` of each phantom that `bundle.phantom.make_pool` wrote.

    Image and label name the same file. In the order of the seeds.

    Raises:
        InputError: there is none.
    """
    paths = [path for path in Path(folder).glob("*.npz") if path.stem.isdigit()]
    if not paths:
        raise InputError(f"{folder} holds no phantoms (<seed>.npz); scripts/train_default.py makes them.")
    paths.sort(key=lambda path: int(path.stem))
    return [{"image": str(path), "label": str(path), "case": path.stem} for path in paths]


class LoadPhantomd(MapTransform):
    """The arrays of a pool's file as MetaTensors with its affine, the image clipped and scaled to [0, 1].

    A phantom's axes are R, A, S already and its size is the network's, so this replaces loading, orienting,
    scaling and resizing.

    Args:
        keys: arrays of the file; "image" holds HU, every other one a volume fraction in 255ths.
        hu_range: (low, high), scaled to 0 and 1.
        device: where the tensors stay.

    Returns:
        for each key (1, X, Y, Z) float32 in [0, 1]; the affine, which the dashboard draws in mm with, costs
        0.1 ms a batch of 4, and training goes on with plain tensors (`AugmentedBatch`).
    """

    def __init__(
        self,
        keys: KeysCollection = ("image", "label"),
        hu_range: Sequence[float] = (-500, 1000),
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(keys)
        self.low, self.high = hu_range
        self.device = torch.device(device)

    def __call__(self, data: Mapping[Hashable, str]) -> dict[Hashable, MetaTensor | str]:
        loaded = dict(data)
        for key in self.key_iterator(loaded):
            with np.load(data[key]) as arrays:
                tensor, affine = torch.from_numpy(arrays[key])[None].to(self.device), arrays["affine"]
            low, high = (self.low, self.high) if key == "image" else (0, WHOLE)
            loaded[key] = MetaTensor(((tensor.float() - low) / (high - low)).clamp(0, 1), affine=affine)
        return loaded
