"""The objects of a finished case on disk, none of them half-written."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, DT, TM

from bundle.common.errors import RunFailed
from bundle.common.files import replacing
from bundle.dicom.volume import Volume

from ..quiet import quiet
from .case import FinishedCase, name_objects, read_case
from .measurements import measurements
from .segmentation import segmentation
from .source import Source, read_source
from .surface import surface

__all__ = ["write_dicom"]


def write_dicom(volume: Volume, folder: str | os.PathLike, case: str) -> list[Path]:
    """The segmentation, the measurements and the surface of a finished case as DICOM objects.

    `<case>_seg.dcm` (Segmentation), `<case>_sr.dcm` (Comprehensive 3D SR, TID 1500) and `<case>_mesh.dcm`
    (Encapsulated STL; only where the case has an STL) in the study of the source series: they carry the
    patient's and the study's attributes. All are made before the first is written, and named in
    `<case>.json` after the last. The same case, source and version of the bundle give the same bytes, UIDs
    included.

    Args:
        volume: the series that the case was made of; its array is not looked at and may be empty.
        folder: of the case: `<case>.json`, `<case>_seg.nii.gz` and what the JSON names.
        case: its name.

    Returns:
        The files, in this order.

    Raises:
        RunFailed: the case is not finished or has no vessel, a source file is gone, or the mask does not lie
            on the grid of the series.
    """
    folder = Path(folder)
    with quiet():
        finished = read_case(folder, case, volume.series_uid)
        source = read_source(volume, finished.affine)
        if source.shape != finished.mask.shape:
            raise RunFailed(
                f"case '{case}': its mask has {_by(finished.mask.shape)} voxels and the series "
                f"{_by(source.shape)}; give the series that the case was made of"
            )
        objects = {"seg": _made(segmentation, finished, source)}
        objects["sr"] = _made(measurements, finished, source, objects["seg"])
        if finished.stl is not None:
            objects["mesh"] = _made(surface, finished, source, objects["seg"])
        paths = [folder / f"{case}_{role}.dcm" for role in objects]
        for dataset, path in zip(objects.values(), paths):
            with replacing(path) as unfinished:
                dataset.save_as(unfinished, enforce_file_format=True)
        name_objects(folder, case, paths)
    return paths


def _place(error: Exception) -> str:
    """The line of code that an error comes from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _made(make: Callable[..., Dataset], case: FinishedCase, source: Source, *others: Dataset) -> Dataset:
    """An object with the times and UIDs of its case in place of those that highdicom draws."""
    try:
        made = make(case, source, *others)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # What the error says may quote a header, and so a person; so may its traceback.
        raise RunFailed(
            f"case '{case.name}': its {make.__name__} cannot be made an object of the series; a header holds "
            f"what the standard does not allow ({type(error).__name__} in {_place(error)})"
        ) from None
    made.InstanceCreationDate, made.InstanceCreationTime = DA(case.made.date()), TM(case.made.time())
    for equipment in made.get("ContributingEquipmentSequence", ()):
        if "highdicom" in str(equipment.get("ManufacturerModelName")):  # says when it was called
            equipment.ContributionDateTime = DT(case.made)
    for sequence in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for item in made.get(sequence, ()):
            item.DimensionOrganizationUID = case.uid("dimensions")
    return made
