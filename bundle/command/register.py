"""Compare two scans of one person: growth, a stent's result, systole against diastole.

  coronary register results/baseline results/followup --out compared
  coronary register diastole_seg.nii.gz systole_seg.nii.gz --out compared

Each scan is the folder of a case, as segment and reconstruct write it, or a mask or probability map of any
tool, which is reconstructed first. The trees are laid on each other rigidly, then bent, then place by place
along each branch; the diameters are compared there. Written are <first>_to_<second>_calibres.csv (a row a
place), _branches.csv, _calibres.png, _rigid.tfm and .json. A change is claimed where it is beyond what noise
and the two scanners' blur make. For research use only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bundle.common.coordinates import voxel_size_mm
from bundle.common.errors import RunFailed
from bundle.common.output_folder import check_output_dir
from bundle.common.scratch import ScratchFolder
from bundle.data.readers import read_volume
from bundle.geometry.case import ExportOptions
from bundle.geometry.compare import compare_trees, write_comparison
from bundle.geometry.core import Branch
from bundle.geometry.io import read_branches

from .one_mask import name_of, reconstruct

__all__ = ["register_scans"]

_ENDING = "_centerline.vtp"


def _tree_of_folder(folder: Path) -> tuple[str, list[Branch], float | None]:
    """Name, branches and mean voxel edge in mm (None where the case's JSON does not tell it)."""
    found = sorted(folder.glob(f"*{_ENDING}"))
    if len(found) != 1:
        many = "no" if not found else f"{len(found)} files"
        raise RunFailed(
            f"{folder}: it holds {many} <case>{_ENDING}; give the folder of one case, as `coronary "
            "segment` or `coronary reconstruct` writes it, or a mask"
        )
    name = found[0].name.removesuffix(_ENDING)
    report, affine = folder / f"{name}.json", None
    try:
        if report.is_file():
            affine = json.loads(report.read_text(encoding="utf-8")).get("scan", {}).get("affine_ras_mm")
        branches = read_branches(found[0])
    except (ValueError, KeyError, AttributeError) as error:
        raise RunFailed(f"{folder}: its files cannot be read ({error}); run the case again") from error
    return name, branches, None if affine is None else float(voxel_size_mm(np.array(affine)).mean())


def _tree_of_mask(path: Path, label: int | None, threshold: float) -> tuple[str, list[Branch], float]:
    """The same of a mask, through the reconstruction."""
    try:
        voxel = float(voxel_size_mm(read_volume(path)[1]).mean())
        with ScratchFolder() as folder:
            options = ExportOptions(pictures=False, page=False, formats=(), cloud_formats=())
            report = reconstruct(path, Path(folder), label, threshold, options)
            if report["empty"]:
                raise RunFailed(f"{path}: {report['reason']}")
            lines = Path(folder) / name_of(path) / f"{name_of(path)}{_ENDING}"
            if not lines.is_file():
                raise RunFailed(f"{path}: no centreline was found in it; give a mask of coronary arteries")
            return name_of(path), read_branches(lines), voxel
    except RunFailed:
        raise
    except ValueError as error:
        raise RunFailed(str(error)) from error


def register_scans(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="folder of a case, or a mask")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="likewise, of the same person")],
    out: Annotated[Path, typer.Option(help="folder of the results")],
    label: Annotated[int | None, typer.Option(help="of masks take this label only")] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="of probability maps")] = 0.5,
) -> None:
    """Compare two scans; exit code 1 where a scan cannot be read or the two do not fit."""
    check_output_dir(out, name="--out")
    scans = []
    for path in (first, second):
        if not path.exists():
            raise RunFailed(f"{path} is not there; give the folder of a case, or a mask")
        scans.append(_tree_of_folder(path) if path.is_dir() else _tree_of_mask(path, label, threshold))
    names, trees, voxels = zip(*scans)
    known = [voxel for voxel in voxels if voxel is not None]
    try:
        found = compare_trees(*trees, max(known) if known else None)
    except ValueError as error:
        raise RunFailed(f"{first} and {second} cannot be compared: {error}") from error
    sources = {"source_first": str(first), "source_second": str(second)}
    record = write_comparison(found, out, names, sources | {"voxel_mm": max(known) if known else None})
    print(
        f"{names[0]} to {names[1]}: turned by {record['turn_deg']:.0f} degrees, bent by up to "
        f"{record['bend_most_mm']:.1f} mm, {record['matched_mm']:.0f} mm of vessel compared, "
        f"{record['apart_median_mm']:.2f} mm apart (median)"
    )
    for change in record["changes"]:
        print(
            f"  {change['branch']} {change['first_from_mm']:.0f} to {change['first_to_mm']:.0f} mm: "
            f"{change['change_mm']:+.2f} mm ({change['low_mm']:+.2f} to {change['high_mm']:+.2f})"
        )
    if not record["changes"]:
        print("  no change of a diameter beyond what measuring allows")
    for warning in record["warnings"]:
        print(f"  note: {warning}")
