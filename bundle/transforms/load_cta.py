"""Load a CT angiogram and its label, or say in one sentence why they cannot be used."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import LoadImaged
from monai.utils import SpaceKeys

from bundle.common.case_warnings import KEY
from bundle.common.errors import InputError
from bundle.data.readers import check_intensities, open_volume

__all__ = ["LoadCTAd"]

logger = logging.getLogger(__name__)

# A label may differ from its image by what float32 headers and tools round away, no more.
_GRID_TOLERANCE = 0.1  # of the smallest spacing, at the corner that differs most


class LoadCTAd(LoadImaged):
    """`LoadImaged` for one image key and, where there is one, its label key, with every check on bad input.

    Images become MetaTensors of shape (1, X, Y, Z), float32, in HU and the file's own voxel order with its
    affine in RAS mm, read and checked by `bundle.data.readers`, padding and a missing intercept mended
    (`check_intensities`), doubts in the meta data (`bundle.common.case_warnings`); labels the same, uint8, 1
    wherever the file is above 0. A 4-D file whose last axis is 1 counts as 3-D.

    Args:
        keys: "image", "label" or both; the label must share the image's grid.
        allow_missing_keys: whether an item may lack a key.
        keep: key under which the image stays as it was loaded, int16, whatever later transforms make of it;
            None keeps nothing.

    Raises:
        InputError: the file is missing, empty, cut short or no image; 2-D or 4-D; has NaN or infinite
            voxels, a singular affine, a spacing of 0 or less; declares more than it holds; the image is
            constant or cannot hold HU; the label lies on another grid.
    """

    def __init__(
        self, keys: KeysCollection, allow_missing_keys: bool = False, keep: str | None = None
    ) -> None:
        with warnings.catch_warnings():
            # MONAI makes its readers, which are not used, and says what they lack where pydicom is installed.
            warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader")
            logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)
            super().__init__(keys, allow_missing_keys=allow_missing_keys)
        self.keep = keep

    def __call__(self, data: Mapping[Hashable, Any], reader: None = None) -> dict[Hashable, Any]:
        d, stored = dict(data), None
        for key in self.key_iterator(d):
            d[key], numbers = _load(d[key], is_label=key == "label")
            stored = numbers if key == "image" else stored
        image, label = d.get("image"), d.get("label")
        if isinstance(image, MetaTensor) and isinstance(label, MetaTensor):
            _check_same_grid(image, label)
        if self.keep is not None and isinstance(image, MetaTensor):
            whole = image.as_tensor().clamp(max=32767).to(torch.int16) if stored is None else stored
            origin = {"filename_or_obj": image.meta["filename_or_obj"]}
            d[self.keep] = MetaTensor(whole, affine=image.affine, meta=origin)
        return d


def _load(path: str | Path, is_label: bool) -> tuple[MetaTensor, torch.Tensor | None]:
    """The image, and its numbers in int16 where the file has them so and nothing was mended."""
    volume = open_volume(path)
    meta = {
        "filename_or_obj": str(volume.path),
        "original_affine": volume.affine,
        "original_channel_dim": float("nan"),
        "spatial_shape": np.array(volume.stored.shape),
        "space": SpaceKeys.RAS,
        "sform_code": volume.sform_code,
        "qform_code": volume.qform_code,
    }
    if is_label:
        return MetaTensor(volume.mask()[None], affine=volume.affine, meta=meta), None
    numbers = volume.int16()
    stored = None if numbers is None else torch.from_numpy(numbers)[None]
    array = volume.float32()[None] if stored is None else stored.float()
    image = MetaTensor(array, affine=volume.affine, meta=meta)
    _, sentences = check_intensities(str(volume.path), image.as_tensor()[0], image.pixdim.tolist())
    image.meta[KEY] = "\n".join(sentences)
    for sentence in sentences:
        logger.warning("'%s': %s", volume.path, sentence)
    return image, None if sentences else stored  # a sentence may tell of numbers that were mended


def _check_same_grid(image: MetaTensor, label: MetaTensor) -> None:
    names = (
        f"label '{label.meta['filename_or_obj']}' lies on another grid than its image "
        f"'{image.meta['filename_or_obj']}'"
    )
    if image.shape != label.shape:
        sizes = ["x".join(map(str, t.shape[1:])) for t in (label, image)]
        raise InputError(f"{names}: {sizes[0]} against {sizes[1]} voxels, expected the same shape and affine")
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in image.shape[1:]])).reshape(3, -1)
    difference = (label.affine - image.affine).numpy()
    offset_mm = np.linalg.norm(difference[:3, :3] @ corners + difference[:3, 3:], axis=0).max()
    if offset_mm > _GRID_TOLERANCE * float(image.pixdim.min()):
        raise InputError(
            f"{names}: their corners are up to {offset_mm:.3g} mm apart, expected the same shape and affine"
        )
