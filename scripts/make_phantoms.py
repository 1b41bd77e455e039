"""Write synthetic coronary CT angiograms in ImageCAS's layout.

python scripts/make_phantoms.py --count 20 --out data/phantoms        # scanner's matrix, 12 s a case
python scripts/make_phantoms.py --count 200 --small --out data/small  # 128 x 128 x 64, about 1 s a case
python scripts/make_phantoms.py --shape 160 160 120                   # any other matrix
"""

from pathlib import Path
from typing import Annotated

import typer
from shared import Processes, run

from bundle.common.output_folder import check_output_dir
from bundle.phantom import SMALL, write_imagecas


def main(
    out: Annotated[Path, typer.Option(help="folder to write into")] = Path("data/phantoms"),
    count: Annotated[int, typer.Option(min=1, help="cases")] = 20,
    first_seed: Annotated[int, typer.Option(min=0, help="seed of case 1")] = 0,
    processes: Processes = None,
    small: Annotated[bool, typer.Option("--small", help="128 x 128 x 64, same field of view")] = False,
    shape: Annotated[tuple[int, int, int] | None, typer.Option(metavar="X Y Z", help="any other")] = None,
) -> None:
    """Write what is missing."""
    if small and shape:
        raise typer.BadParameter("--small and --shape exclude each other")
    shape = SMALL if small else shape
    if shape and min(shape) < 16:
        raise typer.BadParameter("--shape needs at least 16 voxels along every axis")
    check_output_dir(out, name="--out")
    cases = write_imagecas(range(first_seed, first_seed + count), out, shape=shape, processes=processes)
    print(f"{len(cases)} cases and their split are in {out}")


if __name__ == "__main__":
    run(main, __doc__)
