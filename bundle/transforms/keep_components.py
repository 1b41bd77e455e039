"""Keep the connected components of a mask that are big enough to be a vessel."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import cc3d
import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from bundle.common.case_warnings import add_warning
from bundle.common.coordinates import voxel_volume_mm3
from bundle.common.crop import region_of

__all__ = ["KeepComponentsd", "keep_components"]


def keep_components(
    mask: np.ndarray, voxel_mm3: float, min_volume_mm3: float, largest_only: bool = False
) -> tuple[np.ndarray, int, int]:
    """Components of ``mask`` (X, Y, Z, > 0 is foreground) that stay: (bool mask, their number, that before).

    Voxels that touch by a face, edge or corner belong together (26-connected). Those of at least
    ``min_volume_mm3`` stay, or with ``largest_only`` the largest of them alone (the first in scan order where
    two are equal). The mask is cropped first.
    """
    region = region_of(mask, margin=0)
    if region is None:
        return np.zeros(mask.shape, dtype=bool), 0, 0
    least = int(np.ceil(min_volume_mm3 / voxel_mm3))
    whole = region.take(mask) > 0
    before = int(cc3d.connected_components(whole, connectivity=26, return_N=True)[1])
    kept, count = cc3d.dust(whole, threshold=least, connectivity=26, return_N=True)
    if largest_only and count:
        kept, count = cc3d.largest_k(kept, k=1, connectivity=26, return_N=True)
    return region.put(kept > 0, mask.shape), int(count), before


class KeepComponentsd(MapTransform):
    """Remove specks by their volume in mm3, or keep the largest component alone as the paper does.

    The left and the right coronary tree are not connected: ``largest_only`` (section 2.6 of the paper)
    deletes one of them, so the default keeps every component of ``min_volume_mm3`` or more. MONAI's
    `KeepLargestConnectedComponent` keeps a number of components, not a size, and takes four times as long.
    The ``meta`` of the result carries ``components`` (how many stayed), ``components_before`` and
    ``volume_mm3``; where more than a tenth of the volume went, a warning of the case.

    Args:
        keys: masks (1, X, Y, Z), > 0 is foreground, which keep their dtype.

    Raises:
        ValueError: where ``min_volume_mm3`` is negative; when called, for more than one channel.
    """

    def __init__(self, keys: KeysCollection, min_volume_mm3: float, largest_only: bool = False) -> None:
        super().__init__(keys)
        if min_volume_mm3 < 0:
            raise ValueError(f"min_volume_mm3 must be 0 or more, got {min_volume_mm3}.")
        self.min_volume_mm3 = min_volume_mm3
        self.largest_only = largest_only

    def __call__(self, data: Mapping[Hashable, MetaTensor]) -> dict[Hashable, MetaTensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self._kept(d[key])
        return d

    def _kept(self, mask: MetaTensor) -> MetaTensor:
        if mask.shape[0] != 1:
            raise ValueError(f"one channel is expected, got an array of shape {tuple(mask.shape)}.")
        voxel_mm3 = voxel_volume_mm3(mask.affine.numpy())
        volume = mask[0].cpu().numpy()
        kept, count, parts = keep_components(volume, voxel_mm3, self.min_volume_mm3, self.largest_only)
        out = MetaTensor(torch.as_tensor(kept[None]).to(mask.device, mask.dtype)).copy_meta_from(mask)
        before, after = np.count_nonzero(volume), np.count_nonzero(kept)
        if before and after < 0.9 * before:
            lost = 100 * (1 - after / before)
            add_warning(out.meta, f"dropping components took {lost:.0f} % of the volume")
        out.meta |= {"components": count, "components_before": parts}
        out.meta["volume_mm3"] = after * voxel_mm3
        return out
