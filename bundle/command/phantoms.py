"""Make synthetic coronary CT angiograms with their true lumen, in ImageCAS's layout.

  coronary phantoms --count 20 --out data/phantoms        # scanner's matrix, 12 s a case
  coronary phantoms --count 200 --small --out data/small  # 128 x 128 x 64, about 1 s a case
  coronary phantoms --shape 160 160 120                   # any other matrix

A folder that is there is completed. `coronary train` looks in data/phantoms where no other folder is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bundle.common.output_folder import check_output_dir

__all__ = ["Processes", "make_phantoms"]

Processes = Annotated[int | None, typer.Option(help="that make phantoms; by default one a core")]


def make_phantoms(
    out: Annotated[Path, typer.Option(help="folder to write into")] = Path("data/phantoms"),
    count: Annotated[int, typer.Option(min=1, help="cases")] = 20,
    first_seed: Annotated[int, typer.Option(min=0, help="seed of case 1")] = 0,
    processes: Processes = None,
    small: Annotated[bool, typer.Option("--small", help="128 x 128 x 64, same field of view")] = False,
    shape: Annotated[tuple[int, int, int] | None, typer.Option(metavar="X Y Z", help="any other")] = None,
) -> None:
    """Write what is missing."""
    from bundle.phantom import SMALL, write_imagecas

    if small and shape:
        raise typer.BadParameter("--small and --shape exclude each other")
    shape = SMALL if small else shape
    if shape and min(shape) < 16:
        raise typer.BadParameter("--shape needs at least 16 voxels along every axis")
    check_output_dir(out, name="--out")
    cases = write_imagecas(range(first_seed, first_seed + count), out, shape=shape, processes=processes)
    print(f"{len(cases)} cases and their split are in {out}")
