"""NIfTI files with the affine that a reader is to see."""

from __future__ import annotations

import os

import nibabel as nib
import numpy as np
from isal import igzip

from bundle.common.files import replacing

__all__ = ["as_stored", "slope_of", "write_nifti"]

_LEVEL = 1  # of ISA-L's four, from 0 on: masks grow with the last one, and take longer

def slope_of(scale: int) -> float:
    """The slope with which a probability that is stored as ``round(p * scale)`` is read.

    The header holds a float32: the one below 1/scale, so that 1 does not come back as more than 1.
    """
    return float(np.nextafter(np.float32(1 / scale), np.float32(0)))


def as_stored(probability: np.ndarray, scale: int = 255) -> np.ndarray:
    """A probability, float32 of any shape, to the last bit as it is read from the file that holds it.

    What is measured on it is what a person can measure again on the file.
    """
    steps = np.clip(np.asarray(probability, np.float32), 0, 1)
    steps *= np.float32(scale)
    np.rint(steps, out=steps)
    steps *= np.float32(slope_of(scale))
    return steps


def write_nifti(
    path: str | os.PathLike, volume: np.ndarray, affine: np.ndarray, slope: float | None = None, code: int = 1
) -> None:
    """Write ``volume`` (X, Y, Z) as NIfTI: first to a hidden file in the same folder, which is then renamed.

    Args:
        path: ends in ``.nii.gz`` or ``.nii``; missing folders are made.
        volume: stored as it is, in its own dtype.
        affine: 4x4, RAS mm; goes into the sform, and into the qform where it has no shear.
        slope: ``scl_slope``: a reader sees ``volume * slope``. None: the stored numbers mean themselves.
        code: NIfTI code of the coordinate system (1 = scanner).
    """
    image = nib.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code)
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    has_right_angles = np.allclose(axes.T @ axes, np.eye(3), atol=1e-4)  # all that a qform can say
    image.set_qform(affine, code if has_right_angles else 0)
    if slope is not None:
        image.header.set_slope_inter(slope, 0.0)
    with replacing(path) as unfinished:
        if not str(path).endswith(".gz"):
            nib.save(image, unfinished)
            return
        # ISA-L's deflate: a tenth of zlib's time, and smaller files than zlib's at the same level.
        with open(unfinished, "wb") as file, igzip.IGzipFile("", "wb", _LEVEL, file, mtime=0) as stream:
            image.to_stream(stream)
