"""One case from a seed, and cases as files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel import orientations
from scipy.spatial.transform import Rotation

from .chest import VEIN, draw_hu, draw_layers, lung_vessels
from .files import write_missing
from .heart import draw_heart
from .paint import fill, fractions, paint_layers
from .plaque import add_plaque
from .real import lay_real
from .scan import draw_scanner, move, scan, shift_slabs
from .shapes import Lattice, noise, sample, sweep
from .vessels import Surface, draw_arteries, draw_veins

__all__ = ["Case", "draw_case", "write_foreign"]

VERSION = 5
"""Raised whenever a seed gives another case."""


@dataclass
class Case:
    """A scan with its truth.

    Attributes:
        image: (X, Y, Z) int16 HU in the file's own axes.
        label: uint8, 1 in the lumen of coronary arteries outside the aorta.
        tissue: uint8, 1 coronary, 2 cardiac vein, 3 aorta, 4 chambers and other vessels, 5 bone.
        affine: (4, 4), voxel to RAS mm.
        truth: ready for JSON.
    """

    image: np.ndarray
    label: np.ndarray
    tissue: np.ndarray
    affine: np.ndarray
    truth: dict


def draw_case(seed: int, spacing_mm: float | None = None, courses: str | Path | None = None) -> Case:
    """Draw a patient and the scan.

    Args:
        spacing_mm: isotropic, for trials; None is the scanner's matrix of 512 x 512.
        courses: folder of real patients' centrelines (`lay_real`) in place of drawn arteries.
    """
    rng, machine, grain = (np.random.default_rng([seed, 77, k]) for k in range(3))
    s = draw_scanner(machine)
    size = np.array([s["field_mm"], s["field_mm"], s["slice_mm"] * s["slices"]])
    shape = (
        np.array([512, 512, s["slices"]])
        if spacing_mm is None
        else np.maximum(size // spacing_mm, 8).astype(int)
    )
    step = size / shape
    fine = Lattice(-size / 2 + step / 2, step, tuple(shape.tolist()))
    wide = max(spacing_mm or 0, 1.5)
    counts = np.ceil((size + 24) / wide).astype(int) + 1
    coarse = Lattice(-wide * (counts - 1) / 2, np.full(3, wide), tuple(counts.tolist()))
    centre = rng.normal([0, 8, 14], [5, 5, 5])
    if rng.random() < 0.2:  # cut off at the top or the bottom
        centre[2] += rng.choice([-1, 1]) * rng.uniform(0.1, 0.22) * size[2]
    heart = draw_heart(rng, coarse, centre)
    hu = draw_hu(rng)
    surface = Surface(rng, heart)
    if courses is None:
        arteries, drawn = draw_arteries(rng, surface)
    else:
        arteries, drawn = lay_real(rng, surface, Path(courses), seed)
    veins = draw_veins(rng, surface, arteries)
    drawn["lesions"], calcium, soft = add_plaque(rng, arteries, hu)

    tubes = np.full(coarse.zyx, -99.0, np.float32)
    for vessel in arteries:
        sweep(coarse, vessel.points[::2], vessel.healthy[::2] + 0.3, 4.0, tubes)
    for vessel in veins:
        sweep(coarse, vessel.points[::2], vessel.radius[::2] - 0.3, 4.0, tubes)
    layers, lungs = draw_layers(rng, heart, hu, tubes)
    noises = tuple(noise(rng, coarse, scale) for scale in (1.8, 7.0))
    image, tissue = paint_layers(layers, noises, coarse, fine, behind=5)
    fill(image, fractions(fine, lung_vessels(rng, heart, lungs, hu), 0.5))
    vein_tubes = [(v.points, v.radius, hu["vein"] * rng.uniform(0.92, 1.05)) for v in veins]
    painted = fractions(fine, vein_tubes)
    fill(image, painted)
    open_ = tissue.reshape(-1)
    chosen = painted[0][painted[1] >= 0.5]
    open_[chosen] = np.where(open_[chosen] == 3, 3, VEIN)
    fill(image, fractions(fine, [(v.points[8:], v.healthy[8:] + 0.45, hu["wall"]) for v in arteries]))
    fill(image, fractions(fine, soft))
    lumen = []
    for v in arteries:
        fade = (
            1 - rng.uniform(0, 0.12) * np.linspace(0, 1, len(v.points)) - 0.15 * np.clip(0.9 - v.radius, 0, 1)
        )
        lumen.append((v.points, v.radius, hu["artery"] * fade))
    aorta = tissue == 3
    painted = fractions(fine, lumen)
    outside = ~aorta.reshape(-1)[painted[0]]
    fill(image, tuple(part[outside] for part in painted))
    share = np.zeros(fine.zyx, np.float32)
    share.reshape(-1)[painted[0][outside]] = painted[1][outside]
    fill(image, fractions(fine, calcium))
    for volume, order in ((image, 1), (share, 1), (tissue, 0)):
        shift_slabs(volume, fine, s["slabs"], order)
    label = (share >= 0.5).astype(np.uint8)  # moved as the image is, not by whole voxels
    tissue[label > 0] = 1
    source = heart.at(-26, 34, 10) + [0, 0, 20]
    image = scan(grain, image, fine, s, source)
    image = np.clip(np.rint(image, out=image), -1024, 3071, out=image).astype(np.int16)

    turn = Rotation.from_euler("xyz", s["tilt_degrees"], degrees=True).as_matrix()
    place = machine.normal(0, [15, 50, 200])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * step, place + turn @ fine.origin
    branches = [_shown(v, heart, fine, s["slabs"], turn, place) for v in arteries]
    volumes, affine = _stored([image.T, label.T, tissue.T], affine, s["orientation"])
    parameters = {
        "seed": seed,
        "version": VERSION,
        "hu": hu,
        "scanner": s,
        "tree": drawn,
        "courses": _courses(courses),
    }
    truth = {
        "space": "RAS",
        "unit": "mm",
        "dominance": drawn["dominance"],
        "branches": branches,
        "parameters": parameters,
    }
    return Case(*volumes, affine, truth)


def _shown(vessel, heart, fine: Lattice, slabs, turn, place) -> dict:
    """A branch as the truth file has it: what of it lies in the scan and outside the aorta."""
    points = move(vessel.points, fine, slabs)
    low, high = fine.origin - fine.step / 2, fine.origin + fine.step * (np.array(fine.shape) - 0.5)
    inside = ((points >= low) & (points <= high)).all(1)
    out = sample(heart.parts["aorta"], heart.lattice, vessel.points) < 0
    keep = inside & (out if vessel.parent is None else True)
    return {
        "name": vessel.name, "parent": vessel.parent, "complete": bool(inside.all()),
        "points_ras_mm": np.round(points[keep] @ turn.T + place, 4).tolist(),
        "radius_mm": np.round(vessel.radius[keep], 4).tolist(),
        "reference_radius_mm": np.round(vessel.healthy[keep], 4).tolist(),
        "lesions": [lesion for lesion in vessel.lesions if keep[lesion["point"]]],
    }  # fmt: skip


def _stored(volumes, affine, codes: str):
    """Volumes (X, Y, Z) with axes R, A, S as they lie in a file of other axes, and their affine."""
    turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(codes))
    affine = affine @ orientations.inv_ornt_aff(turn, volumes[0].shape)
    return [np.asfortranarray(orientations.apply_orientation(v, turn)) for v in volumes], affine


def write_foreign(
    seeds: Iterable[int],
    folder: str | Path,
    processes: int | None = None,
    *,
    spacing_mm: float | None = None,
    courses: str | Path | None = None,
) -> list[dict[str, str]]:
    """Write the cases that are missing; `write_missing` says how they are named.

    Args:
        spacing_mm, courses: as for `draw_case`.

    Returns:
        `{"image", "label", "tissue", "truth"}` a case.
    """
    write = partial(_write, spacing_mm=spacing_mm, courses=courses)
    wanted = {"version": VERSION, "courses": _courses(courses)}
    return write_missing(write, seeds, folder, lambda seed: wanted | {"seed": seed}, processes)


def _courses(folder) -> str:
    return "drawn" if folder is None else Path(folder).name


def _write(seed: int, paths: dict[str, Path], spacing_mm: float | None, courses) -> None:
    case = draw_case(seed, spacing_mm, courses)
    for key, volume in (("image", case.image), ("label", case.label), ("tissue", case.tissue)):
        part = paths[key].with_name("part." + paths[key].name)
        nib.save(nib.Nifti1Image(volume, case.affine), part)
        part.replace(paths[key])
    part = paths["truth"].with_name("part." + paths["truth"].name)
    part.write_text(json.dumps(case.truth))
    part.replace(paths["truth"])
