"""NIfTI: the header as it stands, and the volume through nibabel."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from isal import igzip
from nibabel.arrayproxy import ArrayProxy
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError

from bundle.common.coordinates import voxel_size_mm
from bundle.common.errors import InputError

from .checks import Header, check_grid, check_values
from .damage import not_an_image
from .volume import Volume

__all__ = ["open_volume", "read_header"]


def read_header(path: str | Path) -> Header:
    """The header of a NIfTI file, unchecked by nibabel, which mends a spacing of 0 or -1.

    Raises:
        InputError: it states what cannot be.
        OSError, EOFError, ValueError or nibabel's ImageFileError: it cannot be read.
    """
    image = nib.load(path)
    if not isinstance(image, nib.Nifti1Image):  # nor NIfTI-2, which is one too, but CIFTI
        raise not_an_image(path)
    with ImageOpener(path) as file:
        raw = type(image.header).from_fileobj(file, check=False)
    rank = int(raw["dim"][0])
    if not 1 <= rank <= 7:
        raise InputError(f"'{path}' is {rank}-D: expected a 3-D volume")
    offset = float(raw["vox_offset"])
    if not (np.isfinite(offset) and 0 <= offset < 2**62):
        raise InputError(f"'{path}' says that its data begin at byte {offset:g}: write the file again")
    try:
        voxel_bytes = raw.get_data_dtype().itemsize
    except HeaderDataError as error:
        code = int(raw["datatype"])
        raise InputError(f"'{path}' has voxels of the unknown type {code}: write the file again") from error
    return Header(
        sizes=tuple(int(n) for n in raw["dim"][1 : 1 + rank]),
        voxel_bytes=voxel_bytes,
        encoding="gzip" if str(path).lower().endswith(".gz") else "raw",
        data_file=Path(path),
        offset=int(offset),
        spacing_mm=tuple(float(v) for v in raw["pixdim"][1 : 1 + min(rank, 3)]),
        is_eight_bit=voxel_bytes == 1 and raw.get_slope_inter() in ((None, None), (1.0, 0.0)),
    )


def open_volume(path: str | Path) -> Volume:
    """The volume, its numbers unscaled; nibabel maps an uncompressed file.

    The affine is nibabel's (the sform as a rule), or the qform where only that has the voxels that the header
    states.
    """
    image = nib.load(path)
    if image.get_data_dtype().fields or image.get_data_dtype().kind == "c":
        raise InputError(f"'{path}' has colour or complex voxels: expected one number a voxel")
    affine, qform = image.affine, image.get_qform(coded=True)[0]
    if qform is not None and not _has_voxels(affine, image) and _has_voxels(qform, image):
        affine = qform
    check_grid(path, image.shape, affine)
    stored, slope, intercept = _stored(path, image.dataobj), image.dataobj.slope, image.dataobj.inter
    check_values(path, stored, slope, intercept)
    codes = (int(image.header[key]) for key in ("sform_code", "qform_code"))
    return Volume(path, stored.reshape(image.shape[:3]), affine, slope, intercept, *codes)


def _stored(path: str | Path, proxy: ArrayProxy) -> np.ndarray:
    """The numbers in the file; a compressed one through ISA-L, in half of zlib's time."""
    if not str(path).lower().endswith(".gz"):
        return proxy.get_unscaled()
    with igzip.open(path, "rb") as stream:
        spec = (proxy.shape, proxy.dtype, proxy.offset, proxy.slope, proxy.inter)
        return ArrayProxy(stream, spec).get_unscaled()


def _has_voxels(affine: np.ndarray, image: nib.Nifti1Image) -> bool:
    return np.allclose(voxel_size_mm(affine), image.header.get_zooms()[:3])
