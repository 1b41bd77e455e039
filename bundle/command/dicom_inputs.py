"""DICOM among the inputs of a run: each chosen series becomes a NIfTI file that the configs can read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bundle.common.errors import InputError, RunFailed

if TYPE_CHECKING:
    from bundle.dicom import Choice, Listing, Series, Volume

__all__ = ["Converted", "NamesFromDicom", "Phase", "SeriesName", "chosen", "convert",
           "finished", "may_be_called", "split_inputs"]  # fmt: skip

SeriesName = Annotated[
    str | None,
    typer.Option(
        "--series",
        metavar="NUMBER|UID|NAME",
        help="of DICOM: take this series, by a column of `coronary series`",
    ),
]
Phase = Annotated[
    float | None,
    typer.Option(
        min=0, max=100, help="of DICOM: the cardiac phase nearest to this percentage; 75 by default"
    ),
]
NamesFromDicom = Annotated[
    bool,
    typer.Option(
        "--names-from-dicom",
        help="call the cases PatientID-SeriesNumber: the patient's ID is then in file names, tables and logs",
    ),
]


@dataclass
class Converted:
    """What DICOM inputs became.

    Attributes:
        scans: case to its NIfTI file.
        volumes: case to the series that it was made of, without the array: the file and frame of each slice.
        failed: case to the reason, where its series could not be read or none was chosen.
        faults: what could not be read and belongs to no case, a sentence each.
    """

    scans: dict[str, Path] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def split_inputs(inputs: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The inputs with DICOM in them, and those with other scans; a folder may be both."""
    from bundle.common.filenames import file_role, split_suffix
    from bundle.dicom import holds_dicom

    with_dicom = [path for path in inputs if holds_dicom(path)]
    others = []
    for path in inputs:
        files = (file.relative_to(path) for file in path.rglob("*")) if path.is_dir() else ()
        has_scans = any(split_suffix(file)[1] and file_role(file) not in ("label", "map") for file in files)
        if path not in with_dicom or has_scans:
            others.append(path)
    return with_dicom, others


def chosen(
    inputs: Sequence[Path], work: Path, wanted: str | None, phase: float | None
) -> tuple[Listing, list[Choice]]:
    """What DICOM inputs hold, and the series that is taken of each study.

    A study without a coronary CT angiogram is left out where the same patient has another one with it.

    Raises:
        InputError: no study has the wanted series.
    """
    from bundle.dicom import choose, list_series

    listing = list_series(inputs, work)
    if not listing:
        listing.faults = listing.faults or ["there is no DICOM image in what was given"]
        return listing, []
    choices = choose(listing, wanted, phase)
    found = {_patient(choice) for choice in choices if choice.series is not None}
    if wanted and not found:
        raise InputError(
            f"--series {_shown(wanted)} is none of the {len(listing)} that were given; "
            "`coronary series` lists them."
        )
    keep = (lambda c: c.series is not None) if wanted else (lambda c: c.series or _patient(c) not in found)
    return listing, [choice for choice in choices if keep(choice)]


def _shown(wanted: str) -> str:
    """What was typed, unless it is a UID."""
    return wanted if len(wanted) < 14 else "as it was typed"


def _patient(choice: Choice) -> int:
    series = choice.series or choice.others[0][0]
    return series.patient_number


def convert(
    choices: Sequence[Choice], work: Path, names_from_dicom: bool = False, quietly: bool = False
) -> Converted:
    """Write the chosen series as NIfTI into a folder; a case that fails is noted and the others go on.

    The same series gives the same bytes, so that a second run keeps what is finished. Each case is told of in
    a line, as it is done.
    """
    import numpy as np

    from bundle.common.nifti import write_nifti
    from bundle.dicom import Volume, read_series

    done = Converted()
    for case, choice in _names(choices, names_from_dicom).items():
        try:
            if choice.series is None:
                raise RunFailed(f"its study {choice.reason}")
            volume = read_series(choice.series)
        except RunFailed as error:
            done.failed[case] = str(error)
            if not quietly:
                print(f"case '{case}' failed: {error}", flush=True)
            continue
        done.scans[case] = work / f"{case}.nii"
        write_nifti(done.scans[case], volume.array, volume.affine)
        done.volumes[case] = Volume(
            np.empty((0, 0, 0), np.int16), volume.affine, volume.slices, volume.series_uid
        )
        if not quietly:
            print(f"case '{case}': {_sentence(choice)}", flush=True)
    return done


def finished(out: Path, volumes: Mapping[str, Volume]) -> dict[str, Volume]:
    """Of the cases that were made of DICOM, those that stand whole in the output folder after the run.

    For what is made of a case with its source images: the files that the slices name are still there.
    """
    return {case: volume for case, volume in volumes.items() if (out / case / f"{case}.json").is_file()}


def _sentence(choice: Choice) -> str:
    left_out = "; ".join(f"{series.label} {why}" for series, why in choice.others)
    remarks = "".join(f"; note: {remark}" for remark in choice.series.remarks)
    return f"took {choice.reason}" + (f"; left out: {left_out}" if left_out else "") + remarks


def _names(choices: Sequence[Choice], from_dicom: bool) -> Mapping[str, Choice]:
    """Choices by the names of their cases, in their order."""
    named, used = {}, Counter()
    for choice in choices:
        series = choice.series or choice.others[0][0]
        name = (_patient_id(series) if from_dicom else "") or series.case
        used[name] += 1
        named[name if used[name] == 1 else f"{name}-{used[name]}"] = choice
    return named


def _patient_id(series: Series) -> str:
    """PatientID and SeriesNumber as a file name; "" where there is no ID."""
    patient = re.sub(r"[^\w-]+", "_", series.first.patient[0]).strip("_-")
    return f"{patient}-{series.number or 0}" if patient else ""


def may_be_called(series: Series, case: str) -> bool:
    """Whether a run may have given a case of this series the name, with ``--names-from-dicom`` or without."""
    from_dicom = _patient_id(series)
    return case == series.case or bool(from_dicom and re.fullmatch(rf"{re.escape(from_dicom)}(-\d+)?", case))
