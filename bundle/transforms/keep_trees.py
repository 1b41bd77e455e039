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
from bundle.common.coordinates import voxel_to_world, voxel_volume_mm3, voxels_of, world_to_voxel
from bundle.common.crop import Region, region_of
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
    the record of `keep_trees`, for the case's JSON, with ``vein_enhancement`` of the mask's own (see
    `CompareEnhancementd`). Warnings of the case say what was bridged, what is kept
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
        whole, affine = _array(mask) > 0, mask.affine.numpy()
        box, grid = _box_of(whole, affine)
        volume = whole[box]
        vein = _array(data["vein"], box) if "vein" in data else None
        pool = np.zeros((0, 3))
        if "aorta" in data:  # every second voxel of it is enough
            pool = aorta_wall(_array(data["aorta"], (slice(None, None, 2),) * 3), _coarser(affine, 2), _SURE)
        is_aorta, image = len(pool) > 0, None
        if isinstance(data.get("image"), MetaTensor):
            image = _around(data["image"], volume.shape, grid) if is_aorta else _all_of(data["image"])
        if not is_aorta and image is not None:
            pool = blood_pool(*image, voxel_to_world(voxels_of(volume), grid))
        probability = _array(data["prob"], box)
        kept, record = keep_trees(volume, grid, probability, self.rule, vein, pool, is_aorta, image)
        if (compared := mask.meta.get("vein_enhancement")) is not None:
            record["vein_enhancement"] = round(compared, 2)
        out = torch.zeros_like(mask.as_tensor())
        out[0][box] = torch.as_tensor(kept).to(out.device, out.dtype)
        out = MetaTensor(out).copy_meta_from(mask)
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


def _array(volume: torch.Tensor, box: tuple[slice, ...] = (slice(None),) * 3) -> np.ndarray:
    """A box of a volume (1, X, Y, Z): from a GPU no more comes than is looked at."""
    return np.asarray(torch.as_tensor(volume)[0][box].detach().cpu())


def _box_of(mask: np.ndarray, affine: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
    """Where the voxels of a mask (X, Y, Z) lie, with a margin for bridges, and the box's affine."""
    region = region_of(mask, margin=2) or Region((0, 0, 0), (1, 1, 1))
    low = np.maximum(region.low, 0)
    high = np.minimum(np.add(region.low, region.shape), mask.shape)
    return tuple(map(slice, low, high)), Region(tuple(low), tuple(high - low)).affine(affine)


def _coarser(affine: np.ndarray, step: int) -> np.ndarray:
    """The affine of every `step`-th voxel."""
    return affine @ np.diag([step, step, step, 1.0])


def _all_of(image: MetaTensor) -> tuple[np.ndarray, np.ndarray]:
    return _array(image), image.affine.numpy()


def _around(image: MetaTensor, shape: tuple[int, ...], affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of an image (1, A, B, C) on any grid where a box of voxels lies, and its affine."""
    own = image.affine.numpy()
    corners = np.array(list(np.ndindex(2, 2, 2))) * np.subtract(shape, 1)
    at = world_to_voxel(voxel_to_world(corners, affine), own)
    size = np.array(image.shape[1:])
    low = np.clip(np.floor(at.min(axis=0)) - 1, 0, size - 1).astype(int)
    high = np.clip(np.ceil(at.max(axis=0)) + 2, low + 1, size).astype(int)
    return _array(image, tuple(map(slice, low, high))), Region(tuple(low), tuple(high - low)).affine(own)
