"""The outputs of a network, each under its own key."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

__all__ = ["SplitOutputsd"]


class SplitOutputsd(MapTransform):
    """Leave the first channel under its key, and put the further ones, as many as there are, under ``names``.

    MONAI's `SplitDimd` wants to know how many there are, and renames the first one too.

    Args:
        keys: outputs (C, X, Y, Z), which become (1, X, Y, Z).
        names: keys of the second channel and those after it.
    """

    def __init__(self, keys: KeysCollection, names: Sequence[str]) -> None:
        super().__init__(keys)
        self.names = tuple(names)

    def __call__(self, data: Mapping[Hashable, MetaTensor]) -> dict[Hashable, MetaTensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            outputs = d[key]
            d |= {name: outputs[n : n + 1] for n, name in enumerate(self.names[: len(outputs) - 1], 1)}
            d[key] = outputs[:1]
        return d
