"""What the header of a volume file states, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Header"]


@dataclass(frozen=True)
class Header:
    """A header as it stands, before nibabel or ITK mends it.

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
