"""Make synthetic coronary CT angiograms with their true lumen, in ImageCAS's layout.

  coronary phantoms --count 20 --out data/phantoms        # scanner's matrix, 20 to 40 s a case
  coronary phantoms --count 200 --small --out data/small  # 128 x 128 x 64, 1 to 3 s a case
  coronary phantoms --shape 160 160 120                   # any other matrix
  coronary phantoms --count 1 --dicom                     # also as DICOM, in data/phantoms-dicom

The DICOM series lie beside the folder of the NIfTI files, not in it, so that each folder holds every scan
once. A folder that is there is completed. `coronary train` looks in data/phantoms where no other is given.
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
    dicom: Annotated[
        bool,
        typer.Option("--dicom", help="each also as a DICOM CT series, in a folder <out>-dicom beside --out"),
    ] = False,
    multi_frame: Annotated[
        bool, typer.Option("--multi-frame", help="with --dicom: one enhanced file a series")
    ] = False,
) -> None:
    """Write what is missing."""
    from bundle.phantom import SMALL, write_imagecas

    if small and shape:
        raise typer.BadParameter("--small and --shape exclude each other")
    shape = SMALL if small else shape
    if shape and min(shape) < 16:
        raise typer.BadParameter("--shape needs at least 16 voxels along every axis")
    if multi_frame and not dicom:
        raise typer.BadParameter("--multi-frame needs --dicom")
    check_output_dir(out, name="--out")
    series = _beside(out)
    if dicom:
        check_output_dir(series, name="the folder of --dicom")
    cases = write_imagecas(range(first_seed, first_seed + count), out, shape=shape, processes=processes)
    print(f"{len(cases)} cases and their split are in {out}")
    if dicom:
        own = "" if shape is None else f"-{'x'.join(map(str, shape))}"
        for number, case in enumerate(cases, 1):
            name = f"{first_seed + number - 1}{own}"  # to a PACS two scans with one UID are one
            _write_series(Path(case["image"]), series / str(number), name, multi_frame)
        print(f"as DICOM they are in {series}, a folder a case")


def _beside(out: Path) -> Path:
    """The folder of the DICOM series: in `out`, `coronary segment out` would find every scan twice."""
    named = out if out.name not in ("", "..") else out.resolve()
    return named.with_name(f"{named.name}-dicom")


def _write_series(image: Path, folder: Path, name: str, multi_frame: bool) -> None:
    import nibabel as nib
    import numpy as np

    from bundle.dicom import write_ct_series

    scan = nib.load(image)
    write_ct_series(folder, np.asarray(scan.dataobj), scan.affine, name, enhanced=multi_frame)
