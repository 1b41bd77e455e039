"""Segment CT angiograms: mask, probability, meshes, centreline, measurements and picture of each scan.

  coronary segment scan.nii.gz --out results
  coronary segment scans more/scan.nrrd --out results --device cpu
  coronary segment scan.nii.gz --out results --set geometry#smoothing=laplacian
  coronary segment scan.nii.gz --out results --config modes/tta.yaml
  coronary segment DICOM export.zip --out results
  coronary segment DICOM --out results --series 5
  coronary segment s3://bucket/scans --out s3://bucket/results --cluster auto

Of DICOM folders, files and zips the coronary CT angiogram of each study is taken; `coronary series` shows
which it is. Its case is called by a hash of the series UID. Of its files the DICOM objects (<case>_*.dcm)
name the patient, as their standard asks, and no other does; --no-dicom leaves them out.

Each case gets a folder in --out, and summary.csv a row. A second run makes only what is missing, or
was made in another mode or with other settings, which it says first. The same as `python -m monai.bundle run
inference` with the config of the mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from bundle.common.errors import RunFailed, find_cause
from bundle.common.filenames import is_url
from bundle.common.output_folder import check_output_dir
from bundle.common.scratch import ScratchFolder

from .config_run import Config, Device, check_configs, run_configs
from .dicom_inputs import (
    Converted,
    NamesFromDicom,
    Phase,
    SeriesName,
    chosen,
    convert,
    finished,
    split_inputs,
)
from .overrides import Set, read_overrides
from .places import given_input, place

__all__ = ["Mode", "ModeOption", "segment_scans"]


class Mode(str, Enum):
    """How the scan is looked at; each is an overlay in configs/modes/."""

    native = "native"
    paper = "paper"

    @property
    def overlay(self) -> str:
        return f"modes/{self.value}.yaml"


ModeOption = Annotated[
    Mode,
    typer.Option(help="native: at 0.5 mm; paper: the paper's own steps, the whole scan at 128 x 128 x 64"),
]


def segment_scans(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT", parser=given_input, help="scans, DICOM, zips, or folders of them"),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", parser=place, help="folder of the results, a folder a case"),
    ],
    mode: ModeOption = Mode.native,
    device: Device = None,
    redo: Annotated[bool, typer.Option("--redo", help="make finished cases again")] = False,
    series: SeriesName = None,
    phase: Phase = None,
    names_from_dicom: NamesFromDicom = False,
    objects: Annotated[
        bool,
        typer.Option("--dicom/--no-dicom", help="of DICOM also DICOM objects, which name the patient"),
    ] = True,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="local|auto|ADDRESS",
            help="spread the cases over workers of Ray: local on this machine, auto on the cluster that "
            "it is part of, or ray://HOST:10001",
        ),
    ] = None,
    config: Config = None,
    set_: Set = None,
) -> None:
    """Run configs/inference.yaml in a mode."""
    from bundle.data import find_images

    local = [path for path in inputs if not is_url(path)]
    urls = [path for path in inputs if is_url(path)]
    if not cluster and (urls or is_url(out)):
        raise typer.BadParameter("URLs are read and written by the workers of --cluster; give it too")
    if not is_url(out):
        check_output_dir(out, local, name="--out")
    with_dicom, others = split_inputs(local)
    if with_dicom and is_url(out):
        raise typer.BadParameter("DICOM is segmented into a folder of this machine; give --out a path")
    if not with_dicom and (series is not None or phase is not None or names_from_dicom):
        raise typer.BadParameter("--series, --phase and --names-from-dicom are for DICOM, and there is none")
    if others:
        find_images(others)  # before MONAI is loaded, which takes seconds
    others += urls

    # The scan that a scene could name is gone after the run.
    own_scene = {"geometry#scene", "geometry::scene"} & read_overrides(set_).keys()
    scene = {"geometry#scene": "results"} if with_dicom and not own_scene else {}

    configs = ["inference.yaml", mode.overlay, *(["modes/cluster.yaml"] if cluster else [])]
    keys = {"output_dir": str(out), "device": device, "redo": redo or None, **scene}
    keys |= {"cluster#address": cluster} if cluster else {}

    def run(scans: Sequence[Path]) -> None:
        paths = [str(path) for path in scans]
        places = {"dataset_dir": paths if len(paths) > 1 else paths[0]}
        run_configs("inference", configs, config, set_, **places, **keys)

    if not with_dicom:
        run(others)
        return
    check_configs("inference", configs, config, set_, dataset_dir=str(with_dicom[0]), **keys)
    # Workers on other machines see the folder of the results, and not this one's temporary files.
    shared = None if cluster in (None, "local") else Path(out)
    if shared is not None:
        shared.mkdir(parents=True, exist_ok=True)
    with (
        ScratchFolder() as own,  # what zips hold names patients
        ScratchFolder(shared) as work,
    ):
        print("reading DICOM", flush=True)
        listing, choices = chosen(with_dicom, Path(own), series, phase)
        done = convert(choices, Path(work), names_from_dicom)
        done.faults = listing.faults
        failure = None
        try:
            _run_converted(run, others, done, out)
        except Exception as error:  # after which cases may be whole all the same
            failure = error
        made = finished(out, done.volumes)
        print(f"from DICOM: {len(made)} of {len(choices)} cases are finished")
        if objects and made:
            from .dicom_out import write_all_objects

            try:
                write_all_objects(out, made)
            except RunFailed as error:
                first = None if failure is None else find_cause(failure, RunFailed)
                failure = failure or error
                if first is not None:
                    failure = RunFailed(f"{first}; {error}")
        if failure is not None:
            raise failure


def _run_converted(run, others: Sequence[Path], done: Converted, out: Path) -> None:
    """Run what there is to run; cases whose series failed are told of at the end, as others that fail.

    Raises:
        RunFailed: a case failed, before the run or in it.
    """
    sentences = []
    scans = [*others, *done.scans.values()]
    if scans:
        try:
            run(scans)
        except Exception as error:
            failure = find_cause(error, RunFailed)
            if failure is None or not (done.failed or done.faults):
                raise
            sentences.append(str(failure))
    sentences += done.faults
    if done.failed:
        from bundle.cohort import add_failed
        from bundle.report import INDEX, write_index

        table = add_failed(out, done.failed, ran=bool(scans))
        if not scans or (out / INDEX).is_file():  # a run may be told to make no pages
            write_index(out)
        case, reason = next(iter(done.failed.items()))
        total = len(done.failed) + len(done.scans)
        counts = f"{len(done.failed)} of {total} {'case' if total == 1 else 'cases'} of DICOM failed"
        sentences.append(f"{counts}, first '{case}': {reason}; see {table}")
    if sentences:
        raise RunFailed("; ".join(sentences))
