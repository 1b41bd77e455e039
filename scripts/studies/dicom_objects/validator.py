"""Objects of every layout of slices under dciodvfy.

    python scripts/study.py dicom_objects validator      # needs dciodvfy, of Debian's package dicom3tools

The lumen of a phantom (the study geometry's, drawn as a mask at 0.4 mm) is made a case, with the series that
it would have come from, of every layout of slices: straight, oblique, head to feet, flipped, sagittal; as
single-frame files with shuffled names and as one multi-frame file. Of each object dciodvfy counts errors and
warnings; the segmentation is read back by highdicom through its source images, and compared with the mask.
These have every third voxel. Then the phantom on a scanner's matrix of 512 x 512, for time and memory.
"""

import multiprocessing
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom

from bundle.common.errors import InputError
from bundle.common.files import write_json
from bundle.common.nifti import write_nifti
from bundle.common.tables import to_text
from bundle.dicom import Volume, write_dicom
from bundle.geometry.case import export_case

from ..common import RESULTS, Out, peak_gib, table, write_results
from ..ct_series import ct_series
from ..geometry import HELD_OUT, rasterise, true_tubes

TURN = np.array([[0.87, -0.5, 0.0], [0.47, 0.82, -0.34], [0.17, 0.3, 0.94]])
LAYOUTS = {  # a matrix that turns the patient, or swaps axes of the array
    "straight": np.diag([-1.0, -1.0, 1.0]),
    "oblique": np.linalg.qr(TURN)[0] @ np.diag([-1.0, -1.0, 1.0]),
    "head to feet": np.diag([-1.0, -1.0, -1.0]),
    "flipped": np.diag([1.0, -1.0, 1.0]),
    "sagittal": np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]]),
}
COLUMNS = (
    "layout",
    "files",
    "object",
    "errors",
    "warnings",
    "segments",
    "frames",
    "voxels_differ",
    "megabytes",
)
MATRIX = 512


def made(folder: Path, mask: np.ndarray, affine: np.ndarray, multi_frame: bool) -> Volume:
    """The case "a" of a mask in `folder`/a, and its series in `folder`/ct."""
    report = export_case(mask, affine, folder / "a", "a", pictures=False)
    write_nifti(folder / "a" / "a_seg.nii.gz", mask.astype(np.uint8), affine)
    write_json(report, folder / "a" / "a.json")
    volume = ct_series(folder / "ct", np.where(mask, 400, 0).astype(np.int16), affine, multi_frame)
    return replace(volume, array=np.empty(0, np.int16))


def complaints(path: Path) -> tuple[int, int]:
    """Errors and warnings of dciodvfy."""
    told = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr.splitlines()
    return tuple(sum(line.startswith(kind) for line in told) for kind in ("Error", "Warning"))


def read_back(path: Path, volume: Volume, number: int = 1) -> np.ndarray:
    """A segment (X, Y, Z), by its number, found by the source images that the object refers to."""
    seg = hd.seg.segread(path)
    first = pydicom.dcmread(volume.slices[0].path, stop_before_pixels=True)
    every = {"segment_numbers": [number], "assert_missing_frames_are_empty": True}
    if volume.slices[0].frame is not None:
        frames = [part.frame + 1 for part in volume.slices]
        pixels = seg.get_pixels_by_source_frame(first.SOPInstanceUID, frames, **every)
    else:
        headers = (pydicom.dcmread(part.path, stop_before_pixels=True) for part in volume.slices)
        pixels = seg.get_pixels_by_source_instance([header.SOPInstanceUID for header in headers], **every)
    return pixels[..., 0].transpose(2, 1, 0) > 0


def rows_of_layout(name: str, mask: np.ndarray, spacing: float, multi_frame: bool) -> list[dict]:
    """A row for each object."""
    affine = np.diag([0.0, 0, 0, 1])
    affine[:3, :3] = LAYOUTS[name] * spacing
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        volume = made(Path(folder), mask, affine, multi_frame)
        for path in write_dicom(volume, Path(folder) / "a", "a"):
            errors, warnings = complaints(path)
            row = {"layout": name, "files": "one" if multi_frame else len(volume.slices), "errors": errors}
            row |= {"object": path.name.removeprefix("a_"), "warnings": warnings}
            row["megabytes"] = path.stat().st_size / 1e6
            if path.name == "a_seg.dcm":
                data = pydicom.dcmread(path, stop_before_pixels=True)
                row |= {"segments": len(data.SegmentSequence), "frames": int(data.NumberOfFrames)}
                row["voxels_differ"] = int((read_back(path, volume) != mask).sum())
            rows.append(row)
            print(to_text([row], COLUMNS).splitlines()[-1], flush=True)
    return rows


def timed(volume: Volume, folder: Path) -> tuple[float, float]:
    """Seconds and peak GiB of writing, in a process of its own."""
    start = time.perf_counter()
    write_dicom(volume, folder, "a")
    return time.perf_counter() - start, peak_gib()


def on_a_scanner_s_matrix(mask: np.ndarray, spacing: float) -> dict:
    """Time, memory and sizes with slices of 512 x 512."""
    wide = [(0, max(MATRIX - size, 0)) for size in mask.shape[:2]]
    mask = np.pad(mask, (*wide, (0, 0)))[:MATRIX, :MATRIX]
    affine = np.diag([-spacing, -spacing, spacing, 1.0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        volume = made(folder, mask, affine, False)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            seconds, gib = pool.submit(timed, volume, folder / "a").result()
        sizes = {
            path.name.removeprefix("a_"): path.stat().st_size / 1e6 for path in (folder / "a").glob("*.dcm")
        }
        segments = len(pydicom.dcmread(folder / "a" / "a_seg.dcm", stop_before_pixels=True).SegmentSequence)
    shape = " x ".join(map(str, mask.shape))
    return {"voxels": shape, "segments": segments, "seconds": seconds, "peak_gib": gib} | sizes


def main(seed: int = HELD_OUT, out: Out = RESULTS) -> None:
    if shutil.which("dciodvfy") is None:
        raise InputError(
            "dciodvfy is not installed; on Debian and Ubuntu it comes with apt install dicom3tools"
        )
    field, affine, _ = rasterise(true_tubes(seed))
    spacing = float(np.linalg.norm(affine[:3, 0]))
    mask = np.pad(field > 0, 4)
    coarse = mask[::3, ::3, ::3]
    coarse = coarse[: coarse.shape[0] // 8 * 8]
    rows = []
    for name in LAYOUTS:
        for multi_frame in (False, True):
            rows += rows_of_layout(name, coarse, 3 * spacing, multi_frame)
    whole = on_a_scanner_s_matrix(mask, spacing)
    errors, differ = (sum(row.get(key, 0) for row in rows) for key in ("errors", "voxels_differ"))
    text = [
        f"{len(rows)} objects, {errors} errors of dciodvfy; {differ} voxels of the segmentations differ from "
        f"the masks. Phantom {seed}, {' x '.join(map(str, coarse.shape))} voxels:",
        "",
        table(rows, COLUMNS, megabytes=".2f"),
        "",
        "On a scanner's matrix (sizes in MB; the peak is of the whole process, imports included):",
        "",
        table([whole], list(whole), seconds=".1f", peak_gib=".2f"),
    ]
    write_results(out, "dicom_objects validator", "\n".join(text), rows, COLUMNS)
