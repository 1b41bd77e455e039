"""DICOM objects of a finished case: segmentation, measurements and surface, for a PACS.

  coronary dicom results/4f2a --source /data/series
  coronary dicom results/4f2a --source export.zip --series 5

RESULTS is the folder of one case, as `coronary segment` writes it; --source is the series that was segmented,
found among others by its grid. Written are <case>_seg.dcm (Segmentation), <case>_sr.dcm (Comprehensive 3D SR)
and <case>_mesh.dcm (Encapsulated STL). They belong to the study, so unlike all other files they carry the
patient's name, ID and birth date. For research use only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bundle.common.errors import InputError, RunFailed
from bundle.data.readers import read_volume

from .dicom_inputs import SeriesName

__all__ = ["write_case_objects"]


def _case_of(folder: Path) -> str:
    found = sorted(folder.glob("*_seg.nii.gz"))
    if len(found) != 1:
        many = "no" if not found else f"{len(found)} files"
        raise RunFailed(
            f"{folder}: it holds {many} <case>_seg.nii.gz; give the folder of one case, as `coronary "
            "segment` writes it"
        )
    return found[0].name.removesuffix("_seg.nii.gz")


def _series_of(source: Path, shape: tuple[int, ...], affine: np.ndarray, series: str | None):
    """The volume on the mask's grid, out of all series of the source."""
    from bundle.dicom import list_series, read_series

    fitting, reasons = [], []
    for one in list_series([source]):
        if series is not None and not one.is_called(series):
            continue
        try:
            volume = read_series(one)
        except InputError as error:
            reasons.append(str(error))
            continue
        if volume.array.shape == shape and np.allclose(volume.affine, affine, atol=1e-3):
            fitting.append(volume)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise RunFailed(
            f"--source: {len(fitting)} series lie on the grid of this case, such as the phases of one scan; "
            "say by --series which one was segmented"
        )
    why = f" ({reasons[0]})" if len(reasons) == 1 else ""
    raise RunFailed(
        f"--source: no series lies on the grid of this case{why}; give the one that was segmented"
    )


def write_case_objects(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", exists=True, file_okay=False, help="of one case")
    ],
    source: Annotated[Path, typer.Option(exists=True, help="folder, file or zip with the DICOM series")],
    series: SeriesName = None,
) -> None:
    """Write the objects; exit code 1 where the case or the series cannot be used."""
    from bundle.dicom import write_dicom

    case = _case_of(results)
    try:
        mask, affine = read_volume(results / f"{case}_seg.nii.gz")
    except ValueError as error:
        raise RunFailed(str(error)) from error
    for path in write_dicom(_series_of(source, mask.shape, affine, series), results, case):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
