"""Probabilities of lumen and cardiac vein, by how bright both are in the scan."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from bundle.common.coordinates import voxel_to_world, voxel_volume_mm3
from bundle.geometry.core import EnhancementRule, enhancement_of, sample_volume, weigh_evidence

__all__ = ["CompareEnhancementd"]


class CompareEnhancementd(MapTransform):
    """`bundle.geometry.core.enhancement_of` on what a network says of a scan.

    Of the voxels whose probability of lumen or of cardiac vein is `level` or more, both are weighed anew,
    **in place**, for they are large. An item without ``image`` or without the vein's probability stays as it
    is, and so does one of which too few vessels are sure.

    The ``meta`` of the lumen gets ``vein_enhancement`` where both were compared: attenuation of the veins
    over fat, as a part of the arteries'.

    Args:
        keys: probabilities of the lumen, (1, X, Y, Z).
        rule: its numbers, in units of the image.
        vein: key of the vein's probability, on the same grid.
        image: key of the image, (1, A, B, C) on any grid.
        level: probability from which on a voxel is looked at.
    """

    def __init__(
        self,
        keys: KeysCollection,
        rule: EnhancementRule,
        vein: Hashable = "vein",
        image: Hashable = "image",
        level: float = 0.3,
    ) -> None:
        super().__init__(keys)
        self.rule, self.vein, self.image, self.level = rule, vein, image, level

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        if isinstance(d.get(self.image), MetaTensor) and self.vein in d:
            for key in self.key_iterator(d):
                self._compare(d[key], d[self.vein], d[self.image])
        return d

    def _compare(self, lumen: MetaTensor, vein: MetaTensor, image: MetaTensor) -> None:
        both = [volume.as_tensor()[0] for volume in (lumen, vein)]
        at = torch.nonzero(torch.maximum(*both) >= self.level).unbind(1)
        values = [volume[at].cpu().numpy() for volume in both]
        affine = lumen.affine.numpy()
        points = voxel_to_world(np.stack([index.cpu().numpy() for index in at], axis=1), affine)
        bright = sample_volume(image.as_tensor()[0].cpu().numpy(), image.affine.numpy(), points, order=0)
        found = enhancement_of(points, *values, bright, voxel_volume_mm3(affine), self.rule)
        if found is None:
            return
        for volume, new in zip(both, weigh_evidence(*values, found.evidence)):
            volume[at] = torch.as_tensor(new).to(volume)
        fat = self.rule.fat
        lumen.meta["vein_enhancement"] = float((found.vein - fat) / (found.artery - fat))
