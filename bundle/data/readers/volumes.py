"""MONAI's nibabel and ITK readers, which refuse a volume that no step after them could make sense of.

Bad input ends in an `InputError` here, at the one place where every file comes in, instead of in an empty
mask or a crash later.
"""

from __future__ import annotations

from pathlib import Path

import itk
import nibabel as nib
import numpy as np
from monai.data import ITKReader, NibabelReader
from monai.utils import ensure_tuple

from bundle.common.errors import InputError
from bundle.common.filenames import split_suffix

from .header import stated_spacing_mm

__all__ = ["CheckedITKReader", "CheckedNibabelReader", "reader_for"]

_RIGHT_AFFINE = "expected three independent axes with a spacing of more than 0"
# What ITK says where it refuses the geometry of a file that is whole.
_ITK_SINGULAR = ("determinant is 0", "Zero-valued spacing")
_SLAB = 32  # voxels along z that are copied at a time
_LEAST_SPACING_MM = 1e-3  # and at most its inverse: beyond, products of spacings run out of digits
_MIN_INDEPENDENCE = 1e-3  # volume of the parallelepiped of the unit axes: 1 at right angles, 0 in a plane


def reader_for(path: str | Path, is_label: bool = False) -> CheckedNibabelReader | CheckedITKReader:
    """nibabel for NIfTI, ITK for NRRD and MHA.

    Images come as float32, labels as uint8 with 1 wherever the file is above 0; both (X, Y, Z), C-contiguous.
    """
    suffix = split_suffix(path)[1]
    if suffix.startswith(".nii"):
        return CheckedNibabelReader(is_label)
    if suffix.startswith(".mh"):
        # ITK knows MHA by a lower-case extension only, unless it is told.
        return CheckedITKReader(is_label, imageio=itk.MetaImageIO.New())
    return CheckedITKReader(is_label, imageio=itk.NrrdImageIO.New())


class CheckedNibabelReader(NibabelReader):
    """`NibabelReader` of one 3-D scalar volume."""

    def __init__(self, is_label: bool = False) -> None:
        super().__init__()
        self.is_label = is_label

    def read(self, data, **kwargs):
        path = ensure_tuple(data)[0]
        image = nib.load(path)
        _check_spacing(path, stated_spacing_mm(path))
        if image.get_data_dtype().fields or image.get_data_dtype().kind == "c":
            raise InputError(f"'{path}' has colour or complex voxels: expected one number a voxel")
        _check_grid(path, image.shape, image.affine)
        mended = super().read(data, **kwargs)
        _check_grid(path, mended.shape, mended.affine)  # MONAI makes another affine where pixdim differs
        return mended

    def _get_array_data(self, img, filename):
        proxy = img.dataobj
        # nibabel would scale into float64: 577 MB for 512x512x275.
        return _checked_array(filename, proxy.get_unscaled(), self.is_label, proxy.slope, proxy.inter)


class CheckedITKReader(ITKReader):
    """`ITKReader` of one 3-D scalar volume."""

    def __init__(self, is_label: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.is_label = is_label

    def read(self, data, **kwargs):
        path = ensure_tuple(data)[0]
        _check_spacing(path, stated_spacing_mm(path))
        try:
            image = super().read(data, **kwargs)
        except RuntimeError as error:
            if any(words in str(error) for words in _ITK_SINGULAR):
                raise InputError(f"'{path}' has a singular affine: {_RIGHT_AFFINE}") from error
            raise
        if image.GetNumberOfComponentsPerPixel() != 1:
            raise InputError(
                f"'{path}' has {image.GetNumberOfComponentsPerPixel()} values a voxel: expected one"
            )
        _check_grid(path, tuple(itk.size(image)), self._get_affine(image))
        self.path = path
        return image

    def _get_array_data(self, img):
        return _checked_array(self.path, super()._get_array_data(img), self.is_label)


def _check_spacing(path: str, spacing_mm: tuple[float, ...]) -> None:
    if not all(np.isfinite(s) and s > 0 for s in spacing_mm):
        stated = " x ".join(f"{s:g}" for s in spacing_mm)
        raise InputError(f"'{path}' states a spacing of {stated} mm: expected more than 0 along every axis")


def _check_grid(path: str, shape: tuple[int, ...], affine: np.ndarray) -> None:
    if len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    if len(shape) != 3 or min(shape) < 2:
        size = "x".join(map(str, shape))
        raise InputError(
            f"'{path}' is {len(shape)}-D with {size} voxels: expected a 3-D volume, 2 or more along each axis"
        )
    if not np.isfinite(affine).all():
        raise InputError(f"'{path}' has NaN or infinity in its affine: expected finite millimetres")
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    if min(spacing_mm) > 0:
        axes = affine[:3, :3] / spacing_mm
        if abs(np.linalg.det(axes)) >= _MIN_INDEPENDENCE:
            _check_size(path, spacing_mm)
            return
    raise InputError(
        f"'{path}' has a singular affine (voxel axes of {' x '.join(f'{s:g}' for s in spacing_mm)} mm): "
        f"{_RIGHT_AFFINE}"
    )


def _check_size(path: str, spacing_mm: np.ndarray) -> None:
    if min(spacing_mm) < _LEAST_SPACING_MM or max(spacing_mm) > 1 / _LEAST_SPACING_MM:
        stated = " x ".join(f"{s:g}" for s in spacing_mm)
        raise InputError(
            f"'{path}' has voxels of {stated} mm: expected those of a CT, 0.1 to 10 mm as a rule"
        )


def _checked_array(
    path: str, array: np.ndarray, is_label: bool, slope: float = 1.0, intercept: float = 0.0
) -> np.ndarray:
    if array.ndim == 4:
        array = array[..., 0]
    # min and max pass NaN and infinity on, and need no second volume in memory.
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = array.size - np.count_nonzero(np.isfinite(array))
        raise InputError(f"'{path}' has {bad} voxels that are NaN or infinite: expected finite numbers")
    if low == high and not is_label:
        value = low * slope + intercept
        raise InputError(f"'{path}' is constant, every voxel is {value:g}: expected a CT in Hounsfield units")
    ends = np.array([low, high], np.float64) * slope + intercept
    if not np.isfinite(ends.astype(np.float32)).all():
        raise InputError(
            f"'{path}' has values beyond {np.finfo(np.float32).max:g}: expected Hounsfield units"
        )
    # Files hold x fastest, tensors z: a copy slab by slab is three times as fast as numpy's in one go, and
    # the threshold of a label needs no volume of its own.
    out = np.empty(array.shape, np.uint8 if is_label else np.float32)
    for start in range(0, array.shape[2], _SLAB):
        slab = array[:, :, start : start + _SLAB]
        if (slope, intercept) != (1.0, 0.0):
            slab = slab * slope + intercept
        out[:, :, start : start + _SLAB] = slab > 0 if is_label else slab
    return out
