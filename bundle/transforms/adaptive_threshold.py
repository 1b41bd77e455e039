"""Probability to mask, with a threshold that goes down where the network is not confident."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from bundle.common.coordinates import voxel_volume_mm3
from bundle.common.errors import InputError

__all__ = ["AdaptiveThresholdd"]


class AdaptiveThresholdd(MapTransform):
    """Threshold probability maps; the weaker the prediction, the lower the threshold.

    Source: "If the model prediction is weak (low confidence), the code adaptively lowers the threshold to
    capture faint structures" (the paper, section 2.6). It gives no formula; this is ours:

    - ``confidence`` is the mean probability of the ``reference_volume_mm3`` most probable mm3 of the scan,
      counting only voxels that reach ``lower`` (all of them where they fill less). 500 mm3 is a small part of
      any coronary tree (3.6 to 8.7 mL), so a confident network fills it with probabilities near 1 whatever
      the size of the heart, and the partial volume at the vessel wall does not enter.
    - ``threshold = clip(upper * confidence / confident, lower, upper)``. From a confidence of
      ``confident`` on it is ``upper``, below that it falls in proportion, never under ``lower``.
    - No voxel reaches ``lower``: the mask is empty, ``threshold`` is ``upper`` and ``confidence`` is 0.

    ``lower = upper`` is a fixed threshold. The mask, uint8, is 1 where ``probability >= threshold``, and its
    ``meta`` carries ``threshold`` and ``confidence``.

    Args:
        keys: probabilities (1, X, Y, Z) in 0...1 with their affine, mm.
        upper: threshold of a confident prediction.
        lower: bound under which the threshold never goes.
        confident: confidence from which on a prediction counts as that.
        reference_volume_mm3: volume over which the confidence is taken, mm3.

    Raises:
        InputError: unless 0 < lower <= upper < 1, 0 < confident <= 1 and reference_volume_mm3 > 0.
        ValueError: when called, for more than one channel.
    """

    def __init__(
        self,
        keys: KeysCollection,
        upper: float,
        lower: float,
        confident: float,
        reference_volume_mm3: float = 500.0,
    ) -> None:
        super().__init__(keys)
        if not 0 < lower <= upper < 1:
            raise InputError(f"the bounds must satisfy 0 < lower <= upper < 1, got {lower} and {upper}.")
        if not 0 < confident <= 1:
            raise InputError(f"confident must lie in (0, 1], got {confident}.")
        if reference_volume_mm3 <= 0:
            raise InputError(f"reference_volume_mm3 must be positive, got {reference_volume_mm3}.")
        self.upper, self.lower, self.confident = upper, lower, confident
        self.reference_volume_mm3 = reference_volume_mm3

    def confidence(self, probability: torch.Tensor, voxel_mm3: float) -> float:
        """Mean of the most probable ``reference_volume_mm3``, 0 where nothing reaches ``lower``."""
        candidates = probability[probability >= self.lower]
        if candidates.numel() == 0:
            return 0.0
        count = max(1, round(self.reference_volume_mm3 / voxel_mm3))
        if count < candidates.numel():
            candidates = candidates.topk(count, sorted=False).values
        return float(candidates.double().mean())

    def __call__(self, data: Mapping[Hashable, MetaTensor]) -> dict[Hashable, MetaTensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self._mask(d[key])
        return d

    def _mask(self, probability: MetaTensor) -> MetaTensor:
        if probability.shape[0] != 1:
            raise ValueError(f"one channel is expected, got an array of shape {tuple(probability.shape)}.")
        values = probability.as_tensor()
        confidence = self.confidence(values, voxel_volume_mm3(probability.affine.numpy()))
        threshold = self.upper
        if confidence > 0:
            threshold = min(self.upper, max(self.lower, self.upper * confidence / self.confident))
        mask = MetaTensor((values >= threshold).to(torch.uint8)).copy_meta_from(probability)
        mask.meta["threshold"] = threshold
        mask.meta["confidence"] = confidence
        return mask
