"""Load a CT angiogram and its label, or say in one sentence why they cannot be used."""

from __future__ import annotations

import gzip
import logging
import os
import zlib
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import LoadImaged

from bundle.common.case_warnings import KEY
from bundle.common.errors import InputError
from bundle.common.filenames import SUFFIXES, split_suffix
from bundle.data.readers import UNREADABLE, check_declared, check_intensities, reader_for

__all__ = ["LoadCTAd"]

logger = logging.getLogger(__name__)

# A label may differ from its image by what float32 headers and tools round away, no more.
_GRID_TOLERANCE = 0.1  # of the smallest spacing, at the corner that differs most


class LoadCTAd(LoadImaged):
    """`LoadImaged` for one image key and, where there is one, its label key, with every check on bad input.

    Images become MetaTensors of shape (1, X, Y, Z), float32, in HU and the file's own voxel order with its
    affine in RAS mm, padding and a missing intercept mended (`check_intensities`), doubts in the meta data
    (`bundle.common.case_warnings`); labels the same, uint8, 1 wherever the file is above 0. NIfTI comes through
    nibabel, NRRD and MHA through ITK. A 4-D file whose last axis is 1 counts as 3-D.

    Args:
        keys: the keys to load.
        label_key: the key, where it is among ``keys``, that holds the label.
        image_key: the image that the label must share its grid with.
        allow_missing_keys: whether an item may lack a key.

    Raises:
        InputError: the file is missing, empty, cut short or no image; 2-D or 4-D; has NaN or infinite
            voxels, a singular affine, a spacing of 0 or less; declares more than it holds; the image is
            constant or cannot hold HU; the label lies on another grid.
    """

    def __init__(
        self,
        keys: KeysCollection,
        label_key: str = "label",
        image_key: str = "image",
        allow_missing_keys: bool = False,
    ) -> None:
        # dtype None: the readers give the final type, so that no volume is converted twice.
        super().__init__(keys, dtype=None, ensure_channel_first=True, allow_missing_keys=allow_missing_keys)
        self.label_key = label_key
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any], reader: None = None) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self._load(d[key], is_label=key == self.label_key)
        image, label = d.get(self.image_key), d.get(self.label_key)
        if isinstance(image, MetaTensor) and isinstance(label, MetaTensor):
            _check_same_grid(image, label)
        return d

    def _load(self, path: str | Path, is_label: bool) -> MetaTensor:
        path = str(Path(path).expanduser())
        _check_file(path)
        try:
            check_declared(path)
            loaded = self._loader(path, reader_for(path, is_label))
        except InputError:
            raise
        except UNREADABLE as error:
            raise InputError(_why_unreadable(path, error)) from error
        # MONAI Label sets image_only to False on the loader of every LoadImaged: then it is (image, meta).
        volume = loaded if isinstance(loaded, MetaTensor) else loaded[0]
        if not is_label:
            _check_hounsfield(path, volume)
        return volume


def _check_hounsfield(path: str, image: MetaTensor) -> None:
    """Mend the image where that can be, and put the warnings into its meta data (`bundle.common.case_warnings`)."""
    _, sentences = check_intensities(path, image.as_tensor()[0], image.pixdim.tolist())
    image.meta[KEY] = "\n".join(sentences)
    for sentence in sentences:
        logger.warning("'%s': %s", path, sentence)


def _check_file(path: str) -> None:
    if not os.path.exists(path):
        raise InputError(f"'{path}' does not exist: expected an image file")
    if os.path.isdir(path):
        raise InputError(f"'{path}' is a folder: expected one image file")
    if not os.path.isfile(path):
        raise InputError(f"'{path}' is a device or a pipe: expected an image file")
    if not split_suffix(path)[1]:
        raise InputError(f"'{path}' is not an image file: expected one that ends in {', '.join(SUFFIXES)}")
    if os.path.getsize(path) == 0:
        raise InputError(f"'{path}' is empty (0 bytes): copy or download it again")


def _why_unreadable(path: str, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"'{path}' may not be read: give yourself permission to read it"
    if path.lower().endswith(".gz") and _gzip_is_cut(path):
        return f"'{path}' is a truncated gzip file: copy or download it again"
    if isinstance(error, EOFError) or _has_known_header(path):
        return f"'{path}' is damaged or cut short: copy or download it again"
    return f"'{path}' is not an image that can be read: expected NIfTI, NRRD or MHA"


def _gzip_is_cut(path: str) -> bool:
    try:
        with gzip.open(path, "rb") as file:
            while file.read(1 << 20):
                pass
    except EOFError:
        return True
    except (OSError, zlib.error):
        return False
    return False


def _has_known_header(path: str) -> bool:
    """Whether the file begins like the kind that its suffix names, so that its end must be at fault."""
    opener = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            start = file.read(348)
    except (OSError, EOFError, zlib.error):
        return False
    return start.startswith((b"NRRD", b"ObjectType", b"NDims")) or start[344:348] in (b"n+1\0", b"ni1\0")


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
