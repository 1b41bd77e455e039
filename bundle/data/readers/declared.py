"""What a header declares, and whether it can be: checked before any memory is taken for it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from bundle.common.errors import InputError

from .damage import cut_short

__all__ = ["Header", "check_declared"]

_MOST_VOXELS = 1024**3
_DEFLATE_RATIO = 1032  # the most that gzip can gain
_FLOAT_BYTES = 4  # each voxel becomes a float32 beside the file's own numbers


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
    """Check that the volume which the header declares can be in the file, and fits into memory.

    Raises:
        InputError: more than 1024 x 1024 x 1024 voxels, more than the machine's free memory, or less data in
            the file than declared.
    """
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
        raise InputError(
            f"'{path}' needs {needed / 2**30:.1f} GiB for its {shape} voxels and {free / 2**30:.1f} GiB are "
            "free: free some memory or resample it"
        )
    declared = voxels * (1 if header.encoding == "text" else header.voxel_bytes)
    size = os.path.getsize(header.data_file)
    held = size * _DEFLATE_RATIO if header.encoding == "gzip" else size - header.offset
    if declared > held:
        raise cut_short(path, f", with {shape} voxels declared and {size} bytes in the file")


def _free_bytes() -> int | None:
    """Memory that can be taken without swapping, where the system says so."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
