"""What must hold before any later step: a header that can be, 3-D, a sane affine, finite numbers."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundle.common.coordinates import voxel_size_mm
from bundle.common.errors import InputError, RunFailed

from .damage import cut_short

__all__ = ["RIGHT_AFFINE", "Header", "check_declared", "check_grid", "check_spacing", "check_values"]

_MOST_VOXELS = 1024**3
_DEFLATE_RATIO = 1032  # the most that gzip can gain
_FLOAT_BYTES = 4  # each voxel becomes a float32 beside the file's own numbers
RIGHT_AFFINE = "expected three independent axes with a spacing of more than 0"
_LEAST_SPACING_MM = 1e-3  # and at most its inverse: beyond, products of spacings run out of digits
_MIN_INDEPENDENCE = 1e-3  # volume of the parallelepiped of the unit axes: 1 at right angles, 0 in a plane
_MOST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Header:
    """The header of a file of any format as it stands, before nibabel or ITK mends it.

    Attributes:
        sizes: of the axes, those of a voxel's components too.
        voxel_bytes: of one number.
        encoding: "raw", "gzip" or "text".
        data_file: holds the numbers, from the byte ``offset`` on (of what is unpacked, for NIfTI).
        spacing_mm: as stated, of at most three axes; () where only the axes' directions hold it, as in NRRD.
        is_eight_bit: the numbers are unscaled 8-bit integers.
    """

    sizes: tuple[int, ...]
    voxel_bytes: int
    encoding: str
    data_file: Path
    offset: int
    spacing_mm: tuple[float, ...]
    is_eight_bit: bool


def check_declared(path: str | Path, header: Header) -> None:
    """Before any memory is taken: refuse a volume that cannot be in the file, or does not fit into memory."""
    voxels = math.prod(header.sizes)
    shape = "x".join(map(str, header.sizes))
    if min(header.sizes, default=0) < 1:
        raise InputError(f"'{path}' declares {shape or 'no'} voxels: expected a 3-D volume")
    if voxels > _MOST_VOXELS:
        raise InputError(
            f"'{path}' declares {shape} voxels: at most 1024x1024x1024 can be read, so resample it if it is "
            "that large"
        )
    needed, free = voxels * (header.voxel_bytes + _FLOAT_BYTES), _free_bytes()
    if free is not None and needed > free:
        raise RunFailed(
            f"'{path}' needs {needed / 2**30:.1f} GiB for its {shape} voxels and {free / 2**30:.1f} GiB are "
            "free: free some memory or resample it"
        )
    declared = voxels * (1 if header.encoding == "text" else header.voxel_bytes)
    size = os.path.getsize(header.data_file)
    held = size * _DEFLATE_RATIO if header.encoding == "gzip" else size - header.offset
    if declared > held:
        raise cut_short(path, f", with {shape} voxels declared and {size} bytes in the file")


def check_spacing(path: str | Path, stated_mm: Sequence[float]) -> None:
    """Refuse a header with a spacing that is no positive number."""
    if not all(np.isfinite(s) and s > 0 for s in stated_mm):
        raise InputError(
            f"'{path}' states a spacing of {_times(stated_mm)} mm: expected more than 0 along every axis"
        )


def check_grid(path: str | Path, shape: tuple[int, ...], affine: np.ndarray) -> None:
    """Refuse what is not 3-D (a fourth axis of 1 counts as none), and an affine (4, 4) without a volume."""
    if len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    if len(shape) != 3 or min(shape) < 2:
        size = "x".join(map(str, shape))
        raise InputError(
            f"'{path}' is {len(shape)}-D with {size} voxels: expected a 3-D volume, 2 or more along each axis"
        )
    if not np.isfinite(affine).all():
        raise InputError(f"'{path}' has NaN or infinity in its affine: expected finite millimetres")
    spacing_mm = voxel_size_mm(affine)
    if min(spacing_mm) <= 0 or abs(np.linalg.det(affine[:3, :3] / spacing_mm)) < _MIN_INDEPENDENCE:
        raise InputError(
            f"'{path}' has a singular affine (voxel axes of {_times(spacing_mm)} mm): {RIGHT_AFFINE}"
        )
    if min(spacing_mm) < _LEAST_SPACING_MM or max(spacing_mm) > 1 / _LEAST_SPACING_MM:
        raise InputError(
            f"'{path}' has voxels of {_times(spacing_mm)} mm: expected those of a CT, 0.1 to 10 mm as a rule"
        )


def check_values(path: str | Path, array: np.ndarray, slope: float = 1.0, intercept: float = 0.0) -> None:
    """Refuse numbers that are NaN or infinite, or that float32 cannot hold."""
    if array.dtype.kind != "f" and (slope, intercept) == (1.0, 0.0):
        return
    # min and max pass NaN and infinity on, and need no second volume in memory.
    ends = np.array([array.min(), array.max()], np.float64)
    if not np.isfinite(ends).all():
        bad = array.size - np.count_nonzero(np.isfinite(array))
        raise InputError(f"'{path}' has {bad} voxels that are NaN or infinite: expected finite numbers")
    if not (np.abs(ends * slope + intercept) <= _MOST).all():
        raise InputError(f"'{path}' has values beyond {_MOST:g}: expected those of a CT or a mask")


def _times(lengths: Sequence[float]) -> str:
    return " x ".join(f"{length:g}" for length in lengths)


def _free_bytes() -> int | None:
    """Memory that can be taken without swapping, where the system says so."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
