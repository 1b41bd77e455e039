"""Hounsfield units to the numbers that a network takes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from bundle.common.errors import InputError

__all__ = ["ScaleHUd"]


class ScaleHUd(MapTransform):
    """Clip HU to a range and scale the range to 0...1, in place.

    To the last bit what MONAI's `ScaleIntensityRanged` with ``clip`` gives, which makes four volumes on the
    way: of 512x512x275 voxels 288 MB each.

    Args:
        keys: images of any shape; those in float32 are changed themselves, others are copied to it.
        hu_range: the least HU, which becomes 0, and the greatest, which becomes 1.

    Raises:
        InputError: the range is not two numbers, the first less than the second.
    """

    def __init__(
        self, keys: KeysCollection, hu_range: Sequence[float], allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(hu_range) != 2 or not hu_range[0] < hu_range[1]:
            raise InputError(
                f"hu_range is {list(hu_range)}; give the least and the greatest HU, in this order."
            )
        self.low, self.high = map(float, hu_range)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = image = d[key].float()
            values = image.as_tensor() if isinstance(image, MetaTensor) else image
            values.clamp_(self.low, self.high).sub_(self.low).div_(self.high - self.low)
        return d
