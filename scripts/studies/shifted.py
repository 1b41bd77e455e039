"""Phantoms of the bundle's own generator outside of every range that training draws.

Each case leaves the ranges in three ways: of scanner, of contrast and of anatomy one each, taken in turn.

| altered | drawn here | drawn in training |
|---|---|---|
| noise | 92 to 115 HU | up to 90 (`draw_protocol`), 80 where random (`draw_scan`) |
| blur | 1.75 to 2.2 mm FWHM in plane | up to 1.7 |
| sharp | edges raised by 1.4 to 2.2 | up to 1.2 |
| grain | noise's ramp -1.3 to -0.8: blotches | from -0.6 |
| motion | 3.3 to 5 mm over 0.95 of the scan | up to 3 mm |
| steps | neighbouring slabs 5.5 to 7 mm apart | each off by 0.9 mm SD an axis: 1 step in 10,000 |
| streaks | 55 to 90 HU | up to 45 |
| dim | coronary lumen 125 to 155 HU | from 160 |
| bright | 860 to 1000 HU | up to 800 |
| veins | 1.3 to 1.6 of the arteries' enhancement | up to 1.18, a vein by itself 1.3 |
| marrow | 720 to 950 HU | up to 700 |
| thin, wide | calibre 0.5 to 0.6, 1.6 to 1.75 of that drawn | 0.62 to 1.45 (`CALIBRE`) |
| fat | median depth over the heart 16 to 20 mm | drawn 3 to 11 mm, which comes to 5 to 14 |
| turned | heart by 33 to 40 degrees from the mean | 6, 6 and 9 degrees SD |

What cannot be seen is not asked: noise goes with no dim lumen, and blur with no thin one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from foreign import write_missing
from nibabel import orientations
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bundle.common.nifti import write_nifti
from bundle.phantom import Alteration, make_phantom, write_case
from bundle.phantom.anatomy import mean_frame
from bundle.phantom.core import fields as f
from bundle.phantom.scanner import slab_moves
from bundle.phantom.vessels import TubeRaster

__all__ = ["ANATOMY", "CONTRAST", "SCANNER", "Shift", "make_shifted", "write_shifted"]

SCANNER = {"noise": (92, 115), "blur": (1.75, 2.2), "sharp": (1.4, 2.2), "grain": (-1.3, -0.8),
           "motion": (3.3, 5.0), "steps": (5.5, 7.0), "streaks": (55, 90)}  # fmt: skip
CONTRAST = {"dim": (125, 155), "bright": (860, 1000), "veins": (1.3, 1.6), "marrow": (720, 950)}
ANATOMY = {"thin": (0.5, 0.6), "wide": (1.6, 1.75), "fat": (16, 20), "turned": (33, 40)}
UNSEEN = {("noise", "dim"): "bright", ("blur", "thin"): "wide"}
"""Pairs of which nothing can be seen, and what the second becomes."""

BLOOD = 42.0
TISSUES = {"aorta": 3, "descending aorta": 3, "bone": 5} | dict.fromkeys(
    ("right ventricle", "right atrium", "superior vena cava", "pulmonary arteries", "left atrium",
     "left ventricle", "azygos vein"), 4)  # fmt: skip
"""Numbers of organs in the tissue map, as in scripts/foreign."""


class Shift(Alteration):
    """What is outside of the ranges in the case of a seed; `drawn` has the values by name."""

    def __init__(self, seed: int):
        rng = np.random.default_rng([seed, 6])
        names = [list(group)[seed % len(group)] for group in (SCANNER, CONTRAST)]
        names.append(list(ANATOMY)[(seed // len(CONTRAST) + seed) % len(ANATOMY)])
        names = [next((new for (a, b), new in UNSEEN.items() if b == n and a in names), n) for n in names]
        ranges = SCANNER | CONTRAST | ANATOMY
        self.drawn = {name: float(rng.uniform(*ranges[name])) for name in names}
        self.rng = rng

    def protocol(self, drawn):
        d, p = self.drawn, drawn
        p.noise_hu = d.get("noise", p.noise_hu)
        p.psf_fwhm_mm = d.get("blur", p.psf_fwhm_mm)
        p.noise_ramp = d.get("grain", p.noise_ramp)
        p.streak_hu = d.get("streaks", p.streak_hu)
        if "sharp" in d:  # which is done to the noise too
            p.noise_hu *= 0.5
        if "motion" in d:
            p.motion_mm, p.motion_part = d["motion"], 0.95
        if "steps" in d:
            turn = self.rng.uniform(0, 2 * np.pi)
            aside = 0.5 * d["steps"] * np.array([np.cos(turn), np.sin(turn)])
            heights = np.arange(self.rng.uniform(5, 30), p.slice_mm * p.slices, 38.0).tolist()
            # Slab by slab to the other side.
            p.slab_steps = [(z, *((-1) ** k * aside).tolist()) for k, z in enumerate(heights)]
        self.scan = p
        return p

    def contrast(self, drawn):
        d, c = self.drawn, drawn
        goal = d.get("dim", d.get("bright"))
        if goal is not None:
            factor = (goal - BLOOD) / (c.coronary - BLOOD)
            for name in ("aorta", "left_ventricle", "left_atrium", "pulmonary", "right_ventricle",
                         "right_atrium", "vena_cava", "vein", "coronary"):  # fmt: skip
                setattr(c, name, BLOOD + factor * (getattr(c, name) - BLOOD))
            c.right_mixing *= factor
        if "veins" in d:
            c.vein = BLOOD + d["veins"] * (c.coronary - BLOOD)
        c.marrow = d.get("marrow", c.marrow)
        c.cortical_bone = max(c.cortical_bone, c.marrow)
        return c

    def frame(self, drawn):
        if "turned" not in self.drawn:
            return drawn
        way = self.rng.normal(0, 1, 3)
        return mean_frame().turned(
            Rotation.from_rotvec(np.radians(self.drawn["turned"]) * way / np.linalg.norm(way))
        )

    def chest(self, drawn):
        if "fat" in self.drawn:
            more = self.drawn["fat"] - fat_depth(drawn)
            for organ in drawn.organs:
                if organ.name in ("pericardium", "pericardial fat"):
                    organ.sdf = organ.sdf - np.float32(more)
        self.anatomy = drawn
        return drawn

    def tree(self, drawn):
        factor = self.drawn.get("thin", self.drawn.get("wide", 1.0))
        for branch in drawn.branches:
            branch.radius, branch.reference = factor * branch.radius, factor * branch.reference
        self.vessels = drawn
        return drawn


def fat_depth(chest) -> float:
    """Thickness (mm) of the fat around the heart, the median over its surface."""
    fat = next(organ.sdf for organ in chest.organs if organ.name == "pericardial fat")
    return -float(np.median(fat[np.abs(chest.core) < 1.0]))


def make_shifted(seed: int, shape: tuple[int, int, int] | None = None):
    """A phantom outside of the ranges, and its tissue map in the file's axes.

    Returns:
        the `Phantom`, whose parameters have `"shifted"`; uint8 with 1 coronary, 2 cardiac vein, 3 aorta,
        4 chambers and other vessels, 5 bone.
    """
    shift = Shift(seed)
    phantom = make_phantom(seed, shape, alteration=shift)
    phantom.parameters["shifted"] = shift.drawn
    grid = shift.scan.grid(shape)
    if "sharp" in shift.drawn:
        phantom.image = sharpened(phantom.image, phantom.affine, shift.drawn["sharp"])
    tissue = np.zeros(grid.zyx, np.uint8)
    up = f.Upsampler(shift.anatomy.grid, grid)
    for organ in shift.anatomy.organs:
        box = up.box(organ.sdf, 0.0)
        if box is not None:
            slabs = range(box[0].start, box[0].stop, 32)
            for z in (slice(first, min(first + 32, box[0].stop)) for first in slabs):
                where = (z, *box[1:])
                tissue[where][up(organ.sdf, where) < 0] = TISSUES.get(organ.name, 0)
    raster = TubeRaster(grid, (1, 1, 1))
    raster.add([(points, radius, 0.0) for points, radius in shift.vessels.veins])
    voxels, filled, _ = raster.coverage()
    tissue.reshape(-1)[voxels[filled >= 0.5]] = 2
    for k, (dx, dy) in enumerate(slab_moves(grid.axis(2), shift.scan.slab_steps)):
        if dx or dy:
            tissue[k] = ndimage.shift(tissue[k], (dy / grid.spacing[1], dx / grid.spacing[0]), order=0)
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(shift.scan.orientation)
    )
    tissue = np.asfortranarray(orientations.apply_orientation(tissue.T, turn))
    tissue[phantom.label > 0] = 1
    return phantom, tissue


def sharpened(image: np.ndarray, affine: np.ndarray, strength: float, sigma_mm: float = 0.45) -> np.ndarray:
    """An int16 image whose fine detail is raised; half of the gain is reached at 0.4 pairs of lines a mm."""
    sigma = sigma_mm / np.linalg.norm(affine[:3, :3], axis=0)
    axis = int(np.argmax(np.abs(affine[2, :3])))  # across the slices
    sigma[axis] = 0
    out = np.empty_like(image)
    chunk = 32
    for first in range(0, image.shape[axis], chunk):
        part = [slice(None)] * 3
        part[axis] = slice(first, first + chunk)
        values = image[tuple(part)].astype(np.float32)
        values += strength * (values - ndimage.gaussian_filter(values, sigma))
        out[tuple(part)] = np.clip(np.rint(values), -1024, 3071)
    return out


def write_shifted(
    seeds: Iterable[int],
    folder: str | Path,
    processes: int | None = None,
    *,
    shape: tuple[int, int, int] | None = None,
) -> list[dict[str, str]]:
    """Write the cases that are missing; `foreign.write_missing` says how they are named.

    Returns:
        ``{"image", "label", "tissue", "truth"}`` a case.
    """
    return write_missing(partial(_write, shape=shape), seeds, folder, _wanted, processes)


def _wanted(seed: int) -> dict:
    return {"seed": seed, "shifted": Shift(seed).drawn}


def _write(seed: int, paths: dict[str, Path], shape: tuple[int, int, int] | None) -> None:
    phantom, tissue = make_shifted(seed, shape)
    write_nifti(paths["tissue"], tissue, phantom.affine)
    write_case(phantom, paths["image"], paths["label"], paths["truth"])
