"""The scan that whole runs and runtimes are timed on: one of yours, or a phantom."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from shared import ROOT

from bundle.phantom import write_imagecas

SEED, SHAPE = 4_000_000, (512, 512, 275)
DATA = ROOT / "data" / "benchmark"
Image = Annotated[Path | None, typer.Option(help="a scan; by default a phantom that is made here")]
Data = Annotated[Path, typer.Option(help="folder of the phantom")]


def scan_or_phantom(image: Path | None, data: Path) -> Path:
    """`image`, or the phantom in `data`, made where it is missing: it costs what a patient's scan would."""
    return image or Path(write_imagecas([SEED], data, shape=SHAPE, processes=1)[0]["image"])


def middle_of(shape: Sequence[int], size: Sequence[int]) -> tuple[slice, ...]:
    """The middle of a volume, at most `size` voxels."""
    starts = [max((n - want) // 2, 0) for n, want in zip(shape, size)]
    return tuple(slice(start, start + want) for start, want in zip(starts, size))
