"""MONAI's `Spacingd` for items that also hold strings, as MONAI Label's requests do."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.transforms import Spacingd as MonaiSpacingd

__all__ = ["Spacingd"]


class Spacingd(MonaiSpacingd):
    """`monai.transforms.Spacingd` that sees its own keys alone.

    For an image that came from NIfTI, MONAI 1.6 takes every entry whose name begins with the image's key and
    an underscore for its metadata and calls ``update`` on it. MONAI Label adds ``image_path``, a string,
    which has none: the request fails. Here the transform gets the entries of ``keys`` and the others pass by
    it. Arguments, shapes, errors and the inverse, also through `Invertd`, are MONAI's.
    """

    def __call__(
        self, data: Mapping[Hashable, torch.Tensor], lazy: bool | None = None
    ) -> dict[Hashable, torch.Tensor]:
        own = {key: data[key] for key in self.keys if key in data}
        return {**data, **super().__call__(own, lazy=lazy)}
