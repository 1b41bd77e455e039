"""Resize images to another number of voxels, and their predictions back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor, get_track_meta
from monai.transforms import InvertibleTransform, MapTransform
from monai.transforms.utils import scale_affine
from monai.utils import convert_to_tensor, ensure_tuple_rep

from bundle.common.resize import MODES, resize_volume


class ResizeVolumed(MapTransform, InvertibleTransform):
    """Resize images to a fixed number of voxels over the same field of view.

    MONAI's `Resize` has no cubic mode in 3-D, and its inverse can only use the mode of the way down. Here the
    way down keeps partial volume (``area``) and the way back takes a mode of its own.

    Args:
        keys: images (C, X, Y, Z), which become (C, *spatial_size), float32, their affine scaled with them.
        spatial_size: voxels along x, y, z after resizing.
        mode: ``area``, ``linear``, ``spline`` or ``nearest``, see `resize_matrix`; may be one a key.
        inverse_mode: the mode of the way back. ``Invertd(nearest_interp=True)`` replaces it by ``nearest``.
    """

    def __init__(
        self,
        keys: KeysCollection,
        spatial_size: Sequence[int],
        mode: str | Sequence[str] = "area",
        inverse_mode: str = "linear",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.mode = ensure_tuple_rep(mode, len(self.keys))
        for name in (*self.mode, inverse_mode):
            if name not in MODES:
                raise ValueError(f"mode {name!r} is not one of {', '.join(MODES)}.")
        if len(spatial_size) != 3 or min(spatial_size) < 1:
            raise ValueError(f"spatial_size must be three positive integers, got {tuple(spatial_size)}.")
        self.spatial_size, self.inverse_mode = spatial_size, inverse_mode

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key, mode in self.key_iterator(d, self.mode):
            image = convert_to_tensor(d[key], track_meta=get_track_meta())
            d[key] = _resized(image, self.size_of(image), mode)
            if isinstance(image, MetaTensor):
                old_size = tuple(int(n) for n in image.shape[1:])
                self.push_transform(d[key], orig_size=old_size, extra_info={"mode": self.inverse_mode})
        return d

    def size_of(self, image: torch.Tensor) -> Sequence[int]:
        """Voxels along each axis of what ``image`` (C, X, Y, Z) becomes."""
        return self.spatial_size

    def inverse(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            applied = self.pop_transform(d[key])
            d[key] = _resized(d[key], applied["orig_size"], applied["extra_info"]["mode"])
        return d


def _resized(image: torch.Tensor, size: Sequence[int], mode: str) -> torch.Tensor:
    """`resize_volume` that takes the affine along where the image has one."""
    size = tuple(int(n) for n in size)
    if not isinstance(image, MetaTensor):
        return resize_volume(image, size, mode)
    scale = torch.as_tensor(scale_affine(tuple(image.shape[1:]), size), dtype=image.affine.dtype)
    out = MetaTensor(resize_volume(image.as_tensor(), size, mode)).copy_meta_from(image)
    out.affine = image.affine @ scale
    return out
