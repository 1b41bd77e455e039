"""What a volume's header declares, held against the file and the machine before any memory is taken."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
from nibabel.spatialimages import HeaderDataError

from bundle.common.errors import InputError
from bundle.common.filenames import split_suffix

from .header import nifti_header
from .text_header import read_text_header

__all__ = ["check_declared"]

_MOST_VOXELS = 1024**3
_DEFLATE_RATIO = 1032  # the most that gzip can gain
_FLOAT_BYTES = 4  # each voxel becomes a float32 beside the file's own numbers


def check_declared(path: str | Path) -> None:
    """Check that the volume which the header declares can be in the file, and fits into memory.

    Nothing but the header is read.

    Raises:
        InputError: no header that makes sense, more than 1024 x 1024 x 1024 voxels, more than the machine's
            free memory, or less data in the file than declared.
        OSError, EOFError, ValueError or nibabel's ImageFileError: the header cannot be read.
    """
    suffix = split_suffix(path)[1]
    if suffix.startswith(".nii"):
        sizes, voxel_bytes, offset = _declared_nifti(path)
        file, encoding = Path(path), "gzip" if suffix.endswith(".gz") else "raw"
        least_size = offset
    else:
        header = read_text_header(path)
        sizes, voxel_bytes, encoding, file = (
            header.sizes,
            header.voxel_bytes,
            header.encoding,
            header.data_file,
        )
        least_size = header.offset
    voxels = math.prod(sizes)
    shape = "x".join(map(str, sizes))
    if min(sizes, default=0) < 1:
        raise InputError(f"'{path}' declares {shape or 'no'} voxels: expected a 3-D volume")
    if voxels > _MOST_VOXELS:
        raise InputError(
            f"'{path}' declares {shape} voxels: at most 1024x1024x1024 can be read, so resample it if it is "
            "that large"
        )
    needed, free = voxels * (voxel_bytes + _FLOAT_BYTES), _free_bytes()
    if free is not None and needed > free:
        raise InputError(
            f"'{path}' needs {needed / 2**30:.1f} GiB for its {shape} voxels and {free / 2**30:.1f} GiB are "
            "free: free some memory or resample it"
        )
    declared = voxels * (1 if encoding == "text" else voxel_bytes)
    size = os.path.getsize(file)
    held = size * _DEFLATE_RATIO if encoding == "gzip" else size - least_size
    if declared > held:
        raise InputError(
            f"'{path}' is damaged or cut short, with {shape} voxels declared and {size} bytes in the file: "
            "copy or download it again"
        )


def _declared_nifti(path: str | Path) -> tuple[tuple[int, ...], int, int]:
    """Sizes of the axes, bytes of a voxel, and where the data begin."""
    header = nifti_header(path)
    rank = int(header["dim"][0])
    if not 1 <= rank <= 7:
        raise InputError(f"'{path}' is {rank}-D: expected a 3-D volume")
    offset = float(header["vox_offset"])
    if not (np.isfinite(offset) and 0 <= offset < 2**62):
        raise InputError(f"'{path}' says that its data begin at byte {offset:g}: write the file again")
    sizes = tuple(int(n) for n in header["dim"][1 : 1 + rank])
    try:
        voxel_bytes = header.get_data_dtype().itemsize
    except HeaderDataError as error:
        code = int(header["datatype"])
        raise InputError(f"'{path}' has voxels of the unknown type {code}: write the file again") from error
    return sizes, voxel_bytes, int(offset)


def _free_bytes() -> int | None:
    """Memory that can be taken without swapping, where the system says so."""
    try:
        text = Path("/proc/meminfo").read_text()
        return (
            int(next(line.split()[1] for line in text.splitlines() if line.startswith("MemAvailable:")))
            * 1024
        )
    except (OSError, StopIteration, ValueError):
        return None
