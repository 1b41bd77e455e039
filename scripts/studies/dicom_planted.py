"""Identifiers planted in DICOM, and where they come out.

    python scripts/study.py dicom_planted
    python scripts/study.py dicom_planted --out trial    # while developing

A phantom is written as a series with a name, a birth date or a UID in every tag of the standard that may hold
one, in folders that are called as the person; a second series is cut short, in a zip. The commands are typed
on both. Every output but the DICOM objects, which are to name the patient, and all that is said is searched.
"""

import gzip
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from shared import ROOT

from bundle.dicom import ct_slices, save_images

from .common import RESULTS, Out, table, write_results

__all__ = ["DATE", "TEXT", "UID_PART", "places", "plant", "plant_cut_short"]

TEXT, DATE, UID_PART = "PLANTED", "19011112", "77777777"
PLANTED = {"PN": f"{TEXT}^PERSON", "DA": DATE, "UI": f"1.2.{UID_PART}.3", "UC": TEXT, "UT": TEXT}
PLANTED |= dict.fromkeys(("LO", "SH", "LT", "ST"), f"{TEXT} 1")
NEEDED = {"ConvolutionKernel", "ContrastBolusAgent", "RescaleType", "SpecificCharacterSet", "Modality"}
KEPT_UIDS = {"SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"}
GROUPS = range(0x0008, 0x0088 + 1)  # of the dictionary, that images of CT draw on
COLUMNS = {"typed": "typed", "code": "exit code", "files": "files", "found": "found in"}
SHAPE, LIMIT_S = (128, 128, 96), 600


def plant(slices: Sequence[Dataset]) -> int:
    """Put an identifier in every tag that may hold one; returns how many tags of the dictionary."""
    tags = 0
    for number, image in enumerate(slices):
        entries = DicomDictionary.items() if number == 0 else ()  # of one slice, for time
        for tag, (vr, _, _, retired, keyword) in entries:
            if keyword in NEEDED | KEPT_UIDS | {""} or retired or tag >> 16 not in GROUPS:
                continue
            if vr in PLANTED:
                setattr(image, keyword, PLANTED[vr])
                tags += 1
        image.PatientName, image.PatientID, image.PatientBirthDate = f"{TEXT}^PERSON", f"{TEXT}4711", DATE
        image.SeriesInstanceUID, image.StudyInstanceUID = f"1.2.{UID_PART}.1", f"1.2.{UID_PART}.2"
        image.SOPInstanceUID = f"1.2.{UID_PART}.1.{number}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        # What pydicom warns of, quoting it.
        image.SeriesDescription, image.PatientAge = TEXT * 20, "70"
        image.private_block(0x0009, TEXT, create=True).add_new(1, "LO", TEXT)
    return tags


def plant_cut_short(slices: Sequence[Dataset], folder: Path, archive: Path) -> None:
    """Write another patient's planted series, with a file cut short, to a folder and a zip."""
    plant(slices)
    for image in slices:
        image.SeriesInstanceUID, image.PatientID = f"1.2.{UID_PART}.9", f"{TEXT}4712"
        image.SOPInstanceUID = f"{image.SOPInstanceUID}.9"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    files = save_images(slices, folder)
    files[5].write_bytes(files[5].read_bytes()[:-100])
    with zipfile.ZipFile(archive, "w") as packed:
        for file in files:
            packed.write(file, f"{TEXT}/{file.name}")


def places(folder: Path, said: str) -> set[str]:
    """Where something that was planted is: what was said, names of files, and what is in them."""
    found = {"what is said": said.encode()}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        found[name] = name.encode()
        if path.is_file() and path.suffix != ".dcm":  # DICOM objects belong to the study, and say whose it is
            data = path.read_bytes()
            found[name] += data + (gzip.decompress(data) if path.suffix == ".gz" else b"")
    words = [word.encode() for word in (TEXT, DATE, UID_PART)]
    return {place for place, data in found.items() if any(word in data for word in words)}


def typed(words: Sequence[str], folder: Path) -> tuple[int, str]:
    """The exit code of a command typed in `folder`, and all that it says."""
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "bundle.command", *words]
    pipes = {"capture_output": True, "text": True, "timeout": LIMIT_S, "check": False}
    done = subprocess.run(command, cwd=folder, env=surroundings, **pipes)
    return done.returncode, done.stdout + done.stderr


def main(
    seed: Annotated[int, typer.Option(help="of the phantom")] = 3,
    out: Out = RESULTS,
) -> None:
    """Type the commands and search what comes of them; exit code 1 where a person is named."""
    from bundle.phantom import make_phantom

    phantom = make_phantom(seed, SHAPE, orientation="LPS")
    rows = []
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        slices = list(ct_slices(phantom.image, phantom.affine, "1"))
        tags = plant(slices)
        save_images(slices, folder / TEXT / "CT")
        other = list(ct_slices(phantom.image, phantom.affine, "2"))
        plant_cut_short(other, folder / f"{TEXT} 2", folder / "export.zip")
        segment = ["segment", TEXT, "export.zip", "--out", "results", "--mode", "paper"]
        commands = [
            ["series", TEXT, "export.zip"],
            ["series", TEXT, "export.zip", "--json"],
            [*segment, "--no-dicom"],
            [*segment, "--traceback", "--redo"],
            ["report", "results", "--scans", TEXT, "--scans", "export.zip"],
        ]
        for words in commands:
            code, said = typed(words, folder)
            results = folder / "results"
            files = sum(path.is_file() for path in results.rglob("*"))
            found = ", ".join(sorted(places(results, said)))
            rows.append(
                {"typed": f"coronary {' '.join(words)}", "code": code, "files": files, "found": found}
            )
            print(rows[-1], flush=True)
        objects = len(list(results.rglob("*.dcm")))
    shown = [row | {"typed": f"`{row['typed']}`", "found": row["found"] or "none"} for row in rows]
    finds = sum(bool(row["found"]) for row in rows)
    text = (
        f"{tags} tags planted in each of two series; {files} files in the end, "
        f"{objects} of them DICOM objects; of {len(rows)} commands {finds} name the person outside these."
        f"\n\n{table(shown, COLUMNS)}"
    )
    write_results(out, "dicom_planted", text, rows, COLUMNS)
    if finds:
        raise typer.Exit(1)
