"""Faults of DICOM series, and what is said of each.

    python scripts/study.py dicom_faults
    python scripts/study.py dicom_faults --only zip --out trial    # while developing

A phantom is written as a series with each fault, in a folder that is called as a person. A fault holds where
the program ends with its exit code and one sentence that names what is at fault; where no traceback is shown;
where nothing is half-written, and nothing says the patient's or the folder's name. Last, the time to list
20,000 files.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from shared import ROOT

from bundle.common.errors import InputError
from bundle.common.tables import to_text

from .common import RESULTS, Out, table, with_earlier, write_results
from .dicom_faults_made import FAULTS, Fault, write_fault

COLUMNS = {"what": "fault", "answer": "answer", "code": "exit code", "verdict": "verdict"}
HELD, SHAPE, LIMIT_S = "holds", (64, 64, 64), 300
PERSON = ("MUELLER", "PHANTOM-1", "Synthetic 1")
PATIENTS, SERIES, SLICES = 10, 5, 400
START = "import sys; {}; from bundle.command import main; main(sys.argv[1:])"


def typed(fault: Fault, folder: Path) -> tuple[int, str]:
    """The exit code of a run on ``MUELLER_HANS`` in `folder`, and all that it says, standard error last."""
    blocked = f"sys.modules.update(dict.fromkeys({fault.without!r}))"
    words = ["segment", "MUELLER_HANS", "--out", "new", "--mode", "paper", "--device", "cpu", "--no-dicom"]
    words += ["--set", "spatial_size=[64,64,32]", "--set", "geometry#pictures=false"]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", START.format(blocked), *words]
    pipes = {"capture_output": True, "text": True, "timeout": LIMIT_S}
    done = subprocess.run(command, cwd=folder, env=surroundings, **pipes)
    return done.returncode, f"{done.stdout}\n{done.stderr}".strip()


def answer(fault: Fault, said: str) -> str:
    """The line that says what there is: the last one of a fault."""
    lines = said.splitlines()
    shown = lines[-1:] if fault.code else lines
    return next((line.strip() for line in shown if fault.says in line), "")


def verdict(fault: Fault, code: int, said: str, out: Path) -> str:
    """ "holds", or what does not."""
    files = [path for path in out.rglob("*") if path.is_file()]
    told_only = {path.name for path in files} <= {"summary.csv", "index.html"}  # of all cases
    goes_on = fault.code == 0 or "header" in fault.what  # the other slices of that one are whole
    texts = [said, *(str(path.relative_to(out)) for path in files)]
    texts += [path.read_bytes().decode("latin-1") for path in files]
    faults = []
    if code != fault.code:
        faults.append(f"exit code {code}, not {fault.code}")
    if "Traceback" in said:
        faults.append("a traceback")
    if not answer(fault, said):
        faults.append(f"nothing says {fault.says}")
    if not goes_on and not told_only:
        faults.append("files are left")
    if goes_on and not any(path.name.endswith("_seg.nii.gz") for path in files):
        faults.append("no mask")
    if person := [name for name in PERSON if any(name in text for text in texts)]:
        faults.append(f"says {person[0]}")
    return "; ".join(faults) or HELD


def tried(fault: Fault, array: np.ndarray, affine: np.ndarray) -> dict[str, object]:
    """The row of one fault."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        write_fault(fault, folder / "MUELLER_HANS", array, affine)
        code, said = typed(fault, folder)
        found = verdict(fault, code, said, folder / "new")
    shown = answer(fault, said) or (said.splitlines() or ["(nothing)"])[-1]
    print(f"{found}: {fault.what}" + ("" if found == HELD else f"\n{said[-1500:]}\n"), flush=True)
    return {"what": fault.what, "answer": shown, "code": code, "verdict": found}


def listed() -> dict[str, float]:
    """Seconds and numbers of a listing of ten patients with five series of 400 slices each."""
    from bundle.dicom import ct_slices, list_series, save_images

    with tempfile.TemporaryDirectory() as home:
        for patient in range(PATIENTS):
            for number in range(1, SERIES + 1):
                about = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.3.{patient}.{number}"}
                volume = np.zeros((8, 8, SLICES), np.int16)
                images = ct_slices(volume, np.diag([-25.0, -25.0, 0.3, 1.0]), str(patient), **about)
                save_images(images, Path(home) / str(patient) / str(number))
        began = time.perf_counter()
        series = list_series([home])
        seconds = time.perf_counter() - began
    mixed = sum(len({header.patient for header in one.slices}) != 1 for one in series)
    patients = len({one.patient_number for one in series})
    files = sum(len(one.slices) for one in series)
    return {"files": files, "patients": patients, "series": len(series), "mixed": mixed, "seconds": seconds}


def main(
    only: Annotated[str, typer.Option(help="try those with this word again, keep other rows")] = "",
    at_once: Annotated[int, typer.Option(min=1, help="faults that are tried at the same time")] = 2,
    out: Out = RESULTS,
) -> None:
    """Try the faults and write down the answers; exit code 1 where one does not hold."""
    from bundle.phantom import make_phantom

    chosen = [fault for fault in FAULTS if only in fault.what]
    if not chosen:
        raise InputError(f"no fault holds {only!r}; without --only all {len(FAULTS)} are tried.")
    if missing := [name for name in ("openjpeg", "libjpeg") if find_spec(name) is None]:
        needed = " ".join(f"pylibjpeg-{name}" for name in missing)
        raise InputError(f"faults are written compressed too, which needs: pip install pylibjpeg {needed}")
    phantom = make_phantom(3, SHAPE, orientation="LPS")
    with ThreadPoolExecutor(at_once) as pool:
        rows = list(pool.map(lambda fault: tried(fault, phantom.image, phantom.affine), chosen))
    rows = with_earlier(rows, out / "dicom_faults.csv", [fault.what for fault in FAULTS])
    held = sum(row["verdict"] == HELD for row in rows)
    speed = listed()
    print(to_text([speed], list(speed)))
    shown = [row | {"answer": str(row["answer"]).replace("|", "\\|")} for row in rows]
    text = (
        f"{held} of {len(rows)} hold.\n\n{table(shown, COLUMNS)}\n\n"
        f"Listing {speed['files']} files of {speed['patients']} patients, {speed['series']} series, takes "
        f"{speed['seconds']:.1f} s on {os.cpu_count()} cores; {speed['mixed']} series mix two patients."
    )
    write_results(out, "dicom_faults", text, rows, COLUMNS)
    if held < len(rows) or speed["mixed"]:
        raise typer.Exit(1)
