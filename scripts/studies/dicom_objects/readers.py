"""Objects stored in Orthanc and read by others' programs.

    python scripts/study.py dicom_objects readers
    python scripts/study.py dicom_objects readers --seg-python seg/bin/python --ohif package/dist
    python scripts/study.py dicom_objects readers --case results/4f2a --series /data/series

A phantom on a scanner's matrix, written as DICOM and segmented, or a case of yours. Series and objects go to
an Orthanc by C-STORE and fetched by DICOMweb; what was fetched is read by dcmqi, pydicom-seg and DCMTK and
held against the case's own files. OHIF shows the segmentation over the CT, in a picture. Orthanc and storescu
are Debian's orthanc, orthanc-dicomweb and dcmtk; dcmqi comes from pip, and pydicom-seg needs a Python of its
own with pydicom before 2.4; OHIF is what `npm pack @ohif/app` brings. What is not installed is left out, with
the reason in the table.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import nibabel as nib
import numpy as np
import pydicom
import typer

from bundle.common.errors import InputError
from bundle.common.tables import to_text
from bundle.dicom import Volume, list_series, read_series

from ..common import RESULTS, Out, table, write_results
from ..geometry import HELD_OUT
from ..pictures.browser import why_no_browser
from .finished import Finished, made, name_in
from .ohif import segments_shown
from .orthanc import Orthanc, running, why_not
from .validator import read_back

COLUMNS = ("program", "object", "checked", "found", "verdict")
_SEG_READER = """
import sys, pydicom, pydicom_seg, SimpleITK
found = pydicom_seg.SegmentReader().read(pydicom.dcmread(sys.argv[1]))
for number in found.available_segments:
    SimpleITK.WriteImage(found.segment_image(number), f"{sys.argv[2]}/s-{number}.nii.gz")
"""
Found = tuple[str, bool] | str
"""What a check found and whether that is right; or why it was not run."""


@dataclass(frozen=True)
class Case(Finished):
    """A finished case, and the folder and volume of the series that it was made of."""

    series: Path
    volume: Volume

    @property
    def report(self) -> dict:
        return json.loads((self.folder / f"{self.name}.json").read_text())


def opened(folder: Path, series: Path) -> Case:
    (found,) = list_series([series])
    return Case(folder, name_in(folder), series, read_series(found))


def stored(orthanc: Orthanc, case: Case) -> Iterator[tuple[str, str, str, Found]]:
    """Rows of what Orthanc has, after series and objects were sent."""
    objects = [case.file(f"{end}.dcm") for end in ("seg", "sr", "mesh")]
    slices = [part.path for part in case.volume.slices]
    files = [*dict.fromkeys(slices), *objects]
    with tempfile.TemporaryDirectory() as sent:
        for path in objects:
            shutil.copy(path, sent)
        refused = [said for folder in (case.series, Path(sent)) if (said := orthanc.store(folder))]
    count = orthanc.json("statistics")
    yield "C-STORE", "all", "instances", (f"{count['CountInstances']} of {len(files)}",
                                           not refused and count["CountInstances"] == len(files))  # fmt: skip
    series = {s["MainDicomTags"]["Modality"]: len(s["Instances"]) for s in orthanc.json("series?expand")}
    told = ", ".join(f"{modality} {number}" for modality, number in sorted(series.items()))
    alone = (count["CountPatients"], count["CountStudies"], len(series)) == (1, 1, 4)
    yield "C-STORE", "all", "one patient, one study, a series each", (told, alone)
    same = exact = 0
    for path in files:
        own = pydicom.dcmread(path)
        place = (
            f"studies/{own.StudyInstanceUID}/series/{own.SeriesInstanceUID}/instances/{own.SOPInstanceUID}"
        )
        fetched = orthanc.get(f"dicom-web/{place}", 'multipart/related; type="application/dicom"')
        same += pydicom.dcmread(BytesIO(fetched)) == own
        exact += _data_set(fetched) == _data_set(path.read_bytes())
        if path in objects:
            (case.folder / f"fetched_{path.name}").write_bytes(fetched)
    yield "WADO-RS", "all", "data sets as they were sent", (f"{same} of {len(files)}", same == len(files))
    yield (
        "WADO-RS",
        "all",
        "byte for byte, file meta aside",
        (f"{exact} of {len(files)}", exact == len(files)),
    )
    uid = pydicom.dcmread(objects[0], stop_before_pixels=True).StudyInstanceUID
    found = orthanc.json(f"dicom-web/studies/{uid}/series?Modality=SEG&includefield=all")
    labels = [s.SegmentLabel for s in pydicom.dcmread(objects[0], stop_before_pixels=True).SegmentSequence]
    (told_of,) = orthanc.json(f"dicom-web/studies/{uid}/series/{found[0]['0020000E']['Value'][0]}/metadata")
    answered = [item["00620005"]["Value"][0] for item in told_of["00620002"]["Value"]]
    yield "QIDO-RS, metadata", "seg.dcm", "labels of the segments", (", ".join(answered), answered == labels)
    stl = case.file("mesh.stl").read_bytes()
    (surface,) = [s["Instances"][0] for s in orthanc.json("series?expand")
                  if s["MainDicomTags"]["Modality"] == "M3D"]  # fmt: skip
    told_stl = orthanc.get(f"instances/{surface}/content/0042-0011")
    yield (
        "REST",
        "mesh.dcm",
        "the STL in it",
        (f"{len(told_stl)} bytes", told_stl.rstrip(b"\0") == stl.rstrip(b"\0")),
    )


def shown_by_ohif(orthanc: Orthanc, case: Case, dist: Path | None, picture: Path) -> Found:
    if dist is None:
        return "no OHIF was given (--ohif)"
    if why_no_browser() is not None:
        return why_no_browser()
    seg = pydicom.dcmread(case.file("seg.dcm"), stop_before_pixels=True)
    slices = np.asarray(nib.load(case.file("seg.nii.gz")).dataobj).sum(axis=(0, 1))
    on = int(np.nonzero(slices)[0][-1] - slices.argmax())  # from the first slice with lumen to that with most
    names = segments_shown(dist, orthanc.http, seg.StudyInstanceUID, picture, on)
    return ", ".join(names), names == [item.SegmentLabel for item in seg.SegmentSequence]


def _data_set(content: bytes) -> bytes:
    """A file without preamble and file meta information, of which a server writes its own."""
    length = int.from_bytes(content[140:144], "little")  # of group 2, the first element's value
    return content[144 + length :]


def segments_differ(case: Case, folder: Path) -> Found:
    """Voxels that differ between files ``s-<number>.nii.gz`` and the segments; the first is the mask."""
    mask = nib.as_closest_canonical(nib.load(case.file("seg.nii.gz")))
    differ, files = [], sorted(folder.glob("s-*.nii.gz"))
    for file in files:
        number = int(file.name.split("-")[1].split(".")[0])
        image = nib.as_closest_canonical(nib.load(file))
        first = (np.linalg.inv(mask.affine) @ image.affine)[:3, 3]
        if not (np.allclose(image.affine[:3, :3], mask.affine[:3, :3], atol=1e-4) and
                np.allclose(first, first.round(), atol=1e-2)):  # fmt: skip
            return "another grid", False
        there = np.zeros(mask.shape, bool)
        box = tuple(slice(int(a), int(a) + n) for a, n in zip(first.round(), image.shape))
        there[box] = np.asarray(image.dataobj) > 0
        own = nib.Nifti1Image(
            read_back(case.file("seg.dcm"), case.volume, number).astype(np.uint8), case.volume.affine
        )
        expected = np.asarray((mask if number == 1 else nib.as_closest_canonical(own)).dataobj) > 0
        differ.append(int((there != expected).sum()))
    count = len(pydicom.dcmread(case.file("seg.dcm"), stop_before_pixels=True).SegmentSequence)
    told = f"{sum(differ)} voxels differ in {len(files)} of {count} segments"
    return told, len(files) == count and not any(differ)


def by_dcmqi(case: Case, work: Path) -> Found:
    if shutil.which("segimage2itkimage") is None:
        return "segimage2itkimage is not on the path (pip: dcmqi)"
    seg = case.folder / f"fetched_{case.name}_seg.dcm"
    words = ["segimage2itkimage", "--inputDICOM", seg, "--outputDirectory", work, "-p", "s", "-t", "nifti"]
    subprocess.run(words, check=True, capture_output=True)
    return segments_differ(case, work)


def by_pydicom_seg(case: Case, work: Path, python: Path | None) -> Found:
    if python is None:
        return "no Python with pydicom-seg was given (--seg-python)"
    seg = case.folder / f"fetched_{case.name}_seg.dcm"
    subprocess.run([python, "-c", _SEG_READER, seg, work], check=True, capture_output=True)
    return segments_differ(case, work)


def _branch_numbers(report: dict) -> list[str]:
    columns = ("length_mm", "mean_diameter_mm", "min_diameter_mm", "volume_mm3")
    return [f"{row[name]:g}" for row in report["branches"] for name in columns if row[name] is not None]


def by_tid1500reader(case: Case, work: Path) -> Found:
    if shutil.which("tid1500reader") is None:
        return "tid1500reader is not on the path (pip: dcmqi)"
    out = work / "sr.json"
    sr = case.folder / f"fetched_{case.name}_sr.dcm"
    words = ["tid1500reader", "--inputDICOM", sr, "--outputMetadata", out]
    subprocess.run(words, check=True, capture_output=True)
    groups = json.loads(out.read_text())["Measurements"]
    told = [f"{float(item['value']):g}" for group in groups for item in group["measurementItems"]]
    missing = [number for number in _branch_numbers(case.report) if number not in told]
    return f"{len(groups)} groups, {len(told)} numbers, {len(missing)} missing", not missing


def by_dsr2html(case: Case, work: Path) -> Found:
    if shutil.which("dsr2html") is None:
        return "dsr2html is not installed (Debian: dcmtk)"
    sr = case.folder / f"fetched_{case.name}_sr.dcm"
    page = subprocess.run(["dsr2html", "+U8", sr], check=True, capture_output=True).stdout.decode()
    lines = [line.strip() for line in re.sub(r"<[^>]*>", "", page).splitlines() if line.strip()]
    named = [value.split()[0] for name, value in pairwise(lines) if name.endswith(":")]
    known = {f"{float(text):g}" for text in named if re.fullmatch(r"\d+(\.\d+)?", text)}
    wanted = _branch_numbers(case.report)
    missing = [number for number in wanted if number not in known]
    return f"{len(wanted)} numbers with their names, {len(missing)} missing", not missing


def measured(case: Case, python: Path | None, ohif: Path | None, picture: Path) -> Iterator[dict]:
    """A row of each check; the viewer's window as a picture."""

    def row(program: str, of: str, checked: str, found: Found) -> dict:
        told, holds = (found, None) if isinstance(found, str) else found
        verdict = "not run" if holds is None else "agrees" if holds else "differs"
        return dict(zip(COLUMNS, (program, of, checked, told, verdict)))

    missing = why_not()
    with tempfile.TemporaryDirectory() as folder:
        if missing:
            yield row("Orthanc", "all", "stored, found, fetched", missing)
            for end in ("seg", "sr"):  # the readers read the files as they are
                shutil.copy(case.file(f"{end}.dcm"), case.folder / f"fetched_{case.file(f'{end}.dcm').name}")
        else:
            with running(Path(folder)) as orthanc:
                for how, of, checked, found in stored(orthanc, case):
                    yield row(f"Orthanc {orthanc.version}, {how}", of, checked, found)
                found = shown_by_ohif(orthanc, case, ohif, picture)
                yield row("OHIF", "seg.dcm", "segments listed beside the CT", found)
    readers: list[tuple[str, str, str, Callable[[Case, Path], Found]]] = [
        ("dcmqi segimage2itkimage", "seg.dcm", "voxels of all segments", by_dcmqi),
        ("pydicom-seg", "seg.dcm", "voxels of all segments", lambda c, w: by_pydicom_seg(c, w, python)),
        ("dcmqi tid1500reader", "sr.dcm", "numbers of branches", by_tid1500reader),
        ("DCMTK dsr2html", "sr.dcm", "numbers of branches", by_dsr2html),
    ]
    for program, of, checked, read in readers:
        with tempfile.TemporaryDirectory() as work:
            yield row(program, of, checked, read(case, Path(work)))


def main(
    seed: int = HELD_OUT,
    case: Annotated[
        Path | None, typer.Option(help="folder of a finished case with its DICOM objects")
    ] = None,
    series: Annotated[Path | None, typer.Option(help="the DICOM series that it was made of")] = None,
    seg_python: Annotated[Path | None, typer.Option(help="a Python that has pydicom-seg")] = None,
    ohif: Annotated[Path | None, typer.Option(help="folder with OHIF's index.html")] = None,
    out: Out = RESULTS,
) -> None:
    if (case is None) != (series is None):
        raise InputError("--case and --series belong together; give both, or neither for a phantom.")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        given = (
            made(seed, Path(folder), from_dicom=True)[::2]
            if case is None
            else (Path(shutil.copytree(case, Path(folder) / "case")), series)
        )
        finished = opened(*given)
        picture = (out.parent / "images" if out == RESULTS else out) / "ohif_segmentation.png"
        for row in measured(finished, seg_python, ohif, picture):
            rows.append(row)
            print(to_text([row], COLUMNS).splitlines()[-1], flush=True)
        shape = " x ".join(map(str, finished.volume.array.shape))
    agree, differ, not_run = (
        sum(row["verdict"] == v for row in rows) for v in ("agrees", "differs", "not run")
    )
    whose = f"Phantom {seed}" if case is None else "A case of its own"
    told = f"Of {len(rows)} checks {agree} agree, {differ} differ and {not_run} were not run"
    text = f"{whose}, {shape} voxels. {told}.\n\n{table(rows, COLUMNS)}"
    write_results(out, "dicom_objects readers", text, rows, COLUMNS)
