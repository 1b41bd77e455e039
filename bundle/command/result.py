"""`bundle.segment`: one scan from Python, its results as objects."""

from __future__ import annotations

import json
import logging
import os
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from monai.bundle import ConfigWorkflow

from bundle.common.errors import InputError, find_input_error
from bundle.common.nifti import write_nifti
from bundle.common.output_folder import check_output_dir
from bundle.common.root import bundle_root
from bundle.common.scratch import ScratchFolder
from bundle.data.readers import read_volume
from bundle.dicom import holds_dicom
from bundle.geometry.core import Branch
from bundle.geometry.io import read_branches

from .dicom_inputs import chosen, convert

__all__ = ["Result", "segment"]

_MODES = ("native", "paper")
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # to RAS, and back


@dataclass(frozen=True)
class Result:
    """What was found in a scan; all places in RAS mm, as nibabel has them.

    Attributes:
        mask: (X, Y, Z) bool, lumen, on the scan's own grid.
        affine: (4, 4), voxel to RAS mm.
        probability: (X, Y, Z) float32, 0 to 1, on the same grid.
        mesh: closed surface of the lumen with its point arrays (docs/how-to/outputs.md); None where no vessel
            was found.
        tree: the branches with their names, each with `points` (N, 3), `radius` (N,) and more; parents
            stand before their children.
        tables: rows of "branches", "narrowings" and "vessels" as dictionaries, with the columns of
            docs/how-to/outputs.md.
        report: what `<case>.json` says: warnings, volumes, the statement, settings.
        folder: where the files are, if they were asked for.
    """

    mask: np.ndarray
    affine: np.ndarray
    probability: np.ndarray
    mesh: pv.PolyData | None
    tree: list[Branch]
    tables: dict[str, list[dict[str, Any]]]
    report: dict[str, Any]
    folder: Path | None


def segment(
    scan: str | os.PathLike | np.ndarray,
    affine: np.ndarray | None = None,
    mode: str = "native",
    out: str | os.PathLike | None = None,
    **settings: Any,
) -> Result:
    """Segment and measure one scan, as `coronary segment` does.

    Args:
        scan: path of a NIfTI, NRRD or MHA file, of a DICOM series (folder, zip), or an array (X, Y, Z) in HU.
        affine: (4, 4), voxel to RAS mm, of an array; a file has its own.
        mode: "native", at 0.5 mm, or "paper", the whole scan at 128 x 128 x 64.
        out: folder for the files of the case; without it only the objects remain.
        settings: keys of configs/inference.yaml and of the mode's overlay, such as ``device="cpu"``; a nested
            one as ``**{"geometry#smoothing": "laplacian"}``.

    Raises:
        InputError: the scan cannot be used, in one sentence; an array without an affine, or a file with one;
            no such mode.
    """
    if mode not in _MODES:
        raise InputError(f"the mode is {mode!r}; it is {' or '.join(map(repr, _MODES))}.")
    is_array = not isinstance(scan, (str, os.PathLike))
    if is_array == (affine is None):
        raise InputError("an array needs its affine." if is_array else "a file has an affine of its own.")
    if out is not None and not is_array:
        check_output_dir(out, scan, name="out")
    with ScratchFolder() as scratch:
        if is_array:
            path = Path(scratch) / "array.nii.gz"
            write_nifti(path, _checked(scan), np.asarray(affine, np.float64))
        else:
            path = _of_dicom(Path(scan), Path(scratch)) if holds_dicom(scan) else Path(scan)
        folder = Path(scratch) / "results" if out is None else Path(out)
        own = {} if out is not None else {"geometry#pictures": False, "geometry#formats": ["vtp"]}
        own |= {"geometry#page": False, "geometry#scene": "none"} if out is None else {}
        case = _run(path, mode, folder, own | settings)
        return _read(folder / case, case, keep=out is not None)


def _checked(array: np.ndarray) -> np.ndarray:
    volume = np.asarray(array)
    if volume.ndim != 3 or volume.dtype.kind not in "iuf":
        raise InputError(f"an array of numbers (X, Y, Z) is needed, not {volume.dtype} of {volume.shape}.")
    return volume if volume.dtype in (np.int16, np.float32) else volume.astype(np.float32)


def _of_dicom(source: Path, scratch: Path) -> Path:
    """The series that `coronary segment` would take, as NIfTI."""
    listing, choices = chosen([source], scratch, None, None)
    if len(choices) != 1:
        raise InputError(
            *listing.faults[:1] if not choices else
            [f"there are {len(choices)} studies in what was given; give one, or use `coronary segment`."]
        )  # fmt: skip
    done = convert(choices, scratch, quietly=True)
    if done.failed:
        raise InputError(next(iter(done.failed.values())))
    (path,) = done.scans.values()
    return path


def _run(path: Path, mode: str, folder: Path, settings: dict[str, Any]) -> str:
    """The name of the case, whose files are then in its folder."""
    root = bundle_root()
    files = [str(root / "configs" / name) for name in ("inference.yaml", f"modes/{mode}.yaml")]
    keys = {"dataset_dir": str(path), "output_dir": str(folder), "bundle_root": str(root), "traceback": True}
    logging.getLogger("monai.bundle.workflows").setLevel(
        logging.ERROR
    )  # where the configs lie is ours to know
    cases = None
    try:
        run = ConfigWorkflow(files, workflow_type="inference", logging_file=False, **keys, **settings)
        run.initialize()
        cases = run.parser.get_parsed_content("dataloader").failures
        with redirect_stdout(StringIO()):  # the table of the cohort
            run.run()
    except Exception as error:  # which MONAI wraps in errors of its own
        if cases:
            raise InputError(cases[0]["reason"]) from error
        raise (find_input_error(error) or error) from None
    (case,) = cases.images
    return case


def _read(folder: Path, case: str, keep: bool) -> Result:
    report = json.loads((folder / f"{case}.json").read_text(encoding="utf-8"))
    mask, affine = read_volume(folder / f"{case}_seg.nii.gz")
    probability = read_volume(folder / f"{case}_prob.nii.gz")[0]
    mesh, tree = None, []
    if (surface := folder / f"{case}_mesh.vtp").is_file():
        mesh = pv.read(surface).transform(_LPS, transform_all_input_vectors=True, inplace=False)
    if (lines := folder / f"{case}_centerline.vtp").is_file():
        tree = read_branches(lines)
    keys = {"branches": "branches", "narrowings": "stenoses", "vessels": "vessels"}
    tables = {name: report.get(key, []) for name, key in keys.items()}
    chance = np.asarray(probability, np.float32)
    return Result(np.asarray(mask) > 0, affine, chance, mesh, tree, tables, report, folder if keep else None)
