"""Entropy and mutual information of an ensemble, written beside its probability."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping

from monai.config import KeysCollection, PathLike
from monai.data import MetaTensor
from monai.transforms import MapTransform

from bundle.common.parsing import parse_bool

from .save_case import SaveCased

__all__ = ["SaveUncertaintyd"]

NAMES = ("entropy", "mutual_information")


class SaveUncertaintyd(MapTransform):
    """Take the last two channels off what `EnsembleInferer` gives, and write each as a volume of the case.

    For before the activation, which is for the probability alone. They become the items ``entropy`` and
    ``mutual_information``, (1, X, Y, Z) in nats, 0 to ln 2 = 0.69, and go to ``<case>_entropy.nii.gz`` and
    ``<case>_mutual_information.nii.gz`` on the scan's grid, stored in steps of 1/65535.

    Args:
        keys: one key, (N + 2, X, Y, Z), of which (N, X, Y, Z) stays.
        output_dir: folder that holds a folder a case.
        write: false takes them off alone.

    Raises:
        ValueError: for more than one key; when called, for fewer than three channels.
    """

    def __init__(self, keys: KeysCollection, output_dir: PathLike, write: bool | str = True) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"one key is expected, got {self.keys}.")
        self.savers = []
        if parse_bool(write, "write"):
            self.savers = [SaveCased(name, output_dir, name, scale=65535) for name in NAMES]

    def __call__(self, data: Mapping[Hashable, MetaTensor]) -> dict[Hashable, MetaTensor]:
        d = dict(data)
        (key,) = self.keys
        volume = d[key]
        if len(volume) < 3:
            raise ValueError(
                f"a probability, entropy and mutual information are expected, got {len(volume)}."
            )
        rest = [channel[None].clamp(0, math.log(2)) for channel in volume[-2:]]  # a spline overshoots
        d[key] = volume[:-2]
        d.update(zip(NAMES, rest))
        for saver in self.savers:
            d = saver(d)
        return d
