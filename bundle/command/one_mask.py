"""One mask or probability map of any tool, from its file to its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from bundle.common.coordinates import (
    check_affine,
    ras_to_lps,
    voxel_size_mm,
    voxel_to_world,
    voxel_volume_mm3,
    voxels_of,
)
from bundle.common.filenames import split_suffix
from bundle.common.files import write_json
from bundle.data.readers import check_intensities, read_volume
from bundle.geometry.case import ExportOptions, export_case
from bundle.geometry.core import Tree
from bundle.geometry.io import read_branches, read_mask
from bundle.geometry.measure import find_stenoses, seen_in_image
from bundle.geometry.naming import MAIN
from bundle.geometry.render import reformation_picture
from bundle.report import add_page, shown_share

__all__ = ["ct_of", "line_of", "name_of", "reconstruct", "reformations"]


def name_of(path: Path) -> str:
    """The file's name without its ending."""
    return split_suffix(path)[0]


def ct_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A CT, (X, Y, Z) int16 HU as well as they can be known, as `LoadCTAd` keeps them, and its affine."""
    array, affine = read_volume(path)
    volume = torch.as_tensor(np.array(array, np.float32))
    volume, _ = check_intensities(str(path), volume, voxel_size_mm(affine).tolist())
    return volume.clamp(max=32767).to(torch.int16).numpy(), affine


def saved_beside(path: Path, volume_mm3: float) -> tuple[Path, float | None] | str | None:
    """The probability from which a run of the bundle made the mask `<case>_seg`, and its threshold.

    A sentence where it is there and belongs to another mask; None where there is none.
    """
    stem, suffix = split_suffix(path)
    if not stem.endswith("_seg"):
        return None
    case = path.with_name(stem.removesuffix("_seg"))
    probability, report = Path(f"{case}_prob{suffix}"), Path(f"{case}.json")
    if not (probability.is_file() and report.is_file()):
        return None
    about = json.loads(report.read_text(encoding="utf-8"))
    if about.get("mask_volume_mm3") != round(volume_mm3, 3):
        return f"the mask is not the one that {report.name} tells of, so {probability.name} is left out"
    return probability, about.get("scan", {}).get("threshold")


def reconstruct(
    path: Path,
    out: Path,
    label: int | None,
    threshold: float,
    options: ExportOptions,
    ct: tuple[np.ndarray, np.ndarray] | None = None,
    image: Path | None = None,
) -> dict:
    """One file to its folder; returns the report of `export_case` with the remarks about the mask.

    Args:
        ct: see `ct_of`. image: its file.

    Raises:
        ValueError: a file that is no mask, or a CT that shows less than half of it; nothing is written.
    """
    array, affine = read_volume(path)
    try:
        mask, probability, remarks = read_mask(array, label, threshold)
        if ct is not None:
            _check_ct(image, ct, mask, affine)
        level = threshold if probability is not None else None
        shown = path if probability is None and label is None else None  # all of the file is the mask
        found = saved_beside(path, np.count_nonzero(mask) * voxel_volume_mm3(affine))
        if isinstance(found, str):
            remarks.append(found)
        elif found is not None:
            probability, level = read_volume(found[0])[0], found[1]
            remarks.append(f"{found[0].name} places the wall, as in the run that made the mask")
        folder, name = out / name_of(path), name_of(path)
        settings = asdict(replace(options, level=level))
        report = export_case(
            mask,
            check_affine(affine),
            folder,
            name,
            probability,
            ct=ct,
            mask_file=shown,
            scan_file=image,
            **settings,
        )
        report["warnings"] = remarks + report["warnings"]
        report["source"] = str(path)
        add_page(folder, report, options.page, ct, (mask, affine))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    write_json(report, folder / f"{name}.json")
    return report


def _check_ct(
    image: Path | None, ct: tuple[np.ndarray, np.ndarray], mask: np.ndarray, affine: np.ndarray
) -> None:
    if not mask.any():
        return
    share = shown_share(ras_to_lps(voxel_to_world(voxels_of(mask), affine)), *ct)
    if share < 0.5:
        raise ValueError(
            f"{image} shows {100 * share:.0f} % of its vessels; give the CT that the mask was made of"
        )


def reformations(image: np.ndarray, affine: np.ndarray, mask_path: Path, out: Path) -> list[str]:
    """Pictures of the CT along the main branches of a case that is reconstructed; returns their names."""
    name = name_of(mask_path)
    lines = out / name / f"{name}_centerline.vtp"
    if not lines.is_file():
        raise ValueError(f"{mask_path}: no centreline was found, so there is nothing to reformat along")
    written = []
    tree = Tree(branches=read_branches(lines))
    lesions = find_stenoses(tree, float(voxel_size_mm(read_volume(mask_path)[1]).mean()))
    lesions = seen_in_image(tree, lesions, image, affine)
    for number, branch in enumerate(tree.branches):
        if branch.name in MAIN:
            pieces = sum(other.name == branch.name for other in tree.branches[:number])
            piece = f"_{pieces + 1}" if pieces else ""  # of a vessel that the mask has in pieces
            file = out / name / f"{name}_reformation_{branch.name}{piece}.png"
            own = [lesion for lesion in lesions if lesion.branch == number]
            reformation_picture(image, affine, branch, file, own)
            written.append(file.name)
    return written


def line_of(report: dict) -> str:
    """What a person reads of a report, in one line."""
    if report["empty"]:
        return f"{report['case']}: {report['reason']}"
    mesh, seconds = report["mesh"], sum(report["seconds"].values())
    words = f"{report['case']}: {mesh['triangles']} triangles, {mesh['volume_mm3']:.0f} mm3, closed"
    if "centerline_length_mm" in report:
        names = [b["name"] for b in report["branches"] if b["name"] != "unknown"]
        words += f", {report['centerline_length_mm']:.0f} mm of centreline ({', '.join(names) or 'no names'})"
        vague = sum(not lesion["assessable"] for lesion in report["stenoses"])
        words += f", {len(report['stenoses'])} stenoses" + (f" ({vague} not assessable)" if vague else "")
    if "solver_settings" in report:
        about = report["solver_settings"]
        words += f", solver model of edges of {about['mean_mm']:.2f} mm with extensions of "
        words += f"{about['extension_diameters']:g} diameters in {about['unit_of_files']}"
    if "boundary_layers" in report:
        about = report["boundary_layers"]
        words += f", {about['layers']} layers on the wall, {about['total_mm']:.2f} mm thick in all"
    return f"{words}, {seconds:.1f} s"
