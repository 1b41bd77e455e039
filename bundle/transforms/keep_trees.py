"""Keep the parts of a mask that are coronary trees, and bridge their gaps."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from bundle.common.case_warnings import add_warning
from bundle.common.coordinates import voxel_to_world, voxel_volume_mm3, voxels_of
from bundle.geometry.centerline import TreeRule, aorta_wall, blood_pool, keep_trees

__all__ = ["KeepTreesd"]

_SURE = 0.5  # probability from which on a voxel is the aorta's


class KeepTreesd(MapTransform):
    """`bundle.geometry.centerline.keep_trees` on masks, with what else the item has.

    ``prob`` is the lumen's probability and has to be there; ``vein`` and ``aorta`` are those of the network's
    other outputs, all (1, X, Y, Z) on the mask's grid. In ``image``, (1, X, Y, Z) on any grid, the brightness
    of detached pieces is compared with that of the trees; without an aorta of a millilitre blood pools are
    looked for in it.

    The ``meta`` of the result carries ``components``, ``components_before``, ``volume_mm3``, and ``parts``:
    the record of `keep_trees`, for the case's JSON. Warnings of the case say what was bridged, what is kept
    without a way to the aorta, that nothing begins there, or that more than a tenth of the volume went.

    Args:
        keys: masks (1, X, Y, Z), > 0 is foreground, which keep their dtype.
        rule: its numbers.

    Raises:
        KeyError: when called, for an item without ``prob``.
        ValueError: when called, for more than one channel.
    """

    def __init__(self, keys: KeysCollection, rule: TreeRule) -> None:
        super().__init__(keys)
        self.rule = rule

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self._kept(d[key], d)
        return d

    def _kept(self, mask: MetaTensor, data: Mapping[Hashable, Any]) -> MetaTensor:
        if mask.shape[0] != 1:
            raise ValueError(f"one channel is expected, got an array of shape {tuple(mask.shape)}.")
        affine = mask.affine.numpy()
        volume, probability = _array(mask) > 0, _array(data["prob"])
        vein = _array(data["vein"]) if "vein" in data else None
        pool = aorta_wall(_array(data["aorta"]), affine, _SURE) if "aorta" in data else np.zeros((0, 3))
        is_aorta = len(pool) > 0
        image = None
        if isinstance(data.get("image"), MetaTensor):
            image = (_array(data["image"]), data["image"].affine.numpy())
        if not is_aorta and image is not None:
            pool = blood_pool(*image, voxel_to_world(voxels_of(volume), affine))
        kept, record = keep_trees(volume, affine, probability, self.rule, vein, pool, is_aorta, image)
        whole = torch.as_tensor(kept[None].view(np.uint8))  # a bool volume would be copied
        out = MetaTensor(whole.to(mask.device, mask.dtype)).copy_meta_from(mask)
        out.meta |= {
            "components": record["parts_after"],
            "components_before": record["parts_before"],
            "volume_mm3": float(np.count_nonzero(kept) * voxel_volume_mm3(affine)),
            "parts": record,
        }
        self._warn(out.meta, record, float(np.count_nonzero(volume) * voxel_volume_mm3(affine)))
        return out

    def _warn(self, meta: dict, record: dict, before_mm3: float) -> None:
        lost = (record["vein_mm3"] + record["dropped_mm3"]) / max(before_mm3, 1e-9)
        if lost > 0.1:
            add_warning(meta, f"dropping veins and loose parts took {100 * lost:.0f} % of the volume")
        if record["trees"] and not record["has_root"]:
            add_warning(meta, "no part begins at the aorta: the longest one is taken for a tree")
        if record["backward"]:
            length = sum(branch["length_mm"] for branch in record["backward"])
            branches = _counted(record["backward"], "branch", "branches")
            add_warning(meta, f"{branches}, {length:.0f} mm long in all, taken for veins and dropped")
        if record["joins"]:
            widest = max(join["gap_mm"] for join in record["joins"])
            add_warning(meta, f"{_counted(record['joins'], 'gap')} of up to {widest:.1f} mm bridged")
        if record["detached"]:
            length = sum(part["length_mm"] for part in record["detached"])
            pieces = _counted(record["detached"], "detached piece")
            add_warning(meta, f"{pieces}, {length:.0f} mm long in all, kept")


def _counted(things: list, name: str, several: str | None = None) -> str:
    return f"{len(things)} {(several or name + 's') if len(things) > 1 else name}"


def _array(volume: torch.Tensor) -> np.ndarray:
    return np.asarray(volume[0].detach().cpu())
