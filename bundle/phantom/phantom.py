"""One synthetic coronary CT angiogram from a seed, with everything that is true about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from nibabel import orientations

from bundle.phantom.anatomy import Chest, HeartFrame, draw_chest
from bundle.phantom.core import Contrast, Grid, draw_contrast
from bundle.phantom.scanner import (
    Protocol,
    acquire,
    draw_protocol,
    paint_organs,
    paint_vessels,
    shift_slabs,
    streaks,
)  # fmt: skip
from bundle.phantom.vessels import Coronaries, Deposits, add_disease, draw_coronaries

from .truth import tree_in_world

__all__ = [
    "GENERATOR", "SMALL", "WHOLE", "Alteration", "Patient", "Phantom", "draw_patient", "make_phantom",
]  # fmt: skip

SMALL = (128, 128, 64)
"""The small form: the same field of view in the voxels that the paper's network takes."""

GENERATOR = 5
"""Raised whenever the same seed gives another phantom, so that files of an older generator are made anew."""

WHOLE = 255
"""`Phantom.lumen_fraction` of a voxel that is lumen altogether."""


@dataclass
class Phantom:
    """A case.

    Attributes:
        image: int16 HU, indexed (x, y, z) in the case's own axis order.
        label: uint8, 1 where at least half of the voxel is coronary lumen.
        lumen_fraction: uint8, the part of the voxel that is coronary lumen, in 255ths.
        affine: (4, 4), voxel index to RAS mm.
        tree: the truth about the vessels, ready for JSON: `dominance` and `branches`, each with `name`,
            `parent`, `points_ras_mm` (N, 3), `radius_mm` (N,), `reference_radius_mm` (N,) and `lesions`.
        parameters: what was drawn for contrast and acquisition.
    """

    image: np.ndarray
    label: np.ndarray
    lumen_fraction: np.ndarray
    affine: np.ndarray
    tree: dict
    parameters: dict


class Alteration:
    """What becomes of what was drawn, before it is used: nothing here, more in a subclass.

    A study asks with it what holds outside of the ranges that are drawn.
    """

    def protocol(self, drawn: Protocol) -> Protocol:
        return drawn

    def contrast(self, drawn: Contrast) -> Contrast:
        return drawn

    def frame(self, drawn: HeartFrame) -> HeartFrame:
        return drawn

    def chest(self, drawn: Chest) -> Chest:
        return drawn

    def tree(self, drawn: Coronaries) -> Coronaries:
        return drawn


@dataclass
class Patient:
    """A patient on the table, before anything is painted.

    Attributes:
        protocol, contrast: of the scan. grid: of the scan, in scanner coordinates.
        chest: organs in scanner coordinates. tree: arteries with their disease, and veins.
        deposits: calcium and metal of the disease.
        place: (3,) mm, where the table stood. draws: the patient's and the machine's further random numbers.
    """

    protocol: Protocol
    contrast: Contrast
    grid: Grid
    chest: Chest
    tree: Coronaries
    deposits: Deposits
    place: np.ndarray
    draws: tuple[np.random.Generator, np.random.Generator]

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3), from scanner coordinates to RAS."""
        return self.protocol.rotation()

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 3) or one of scanner coordinates in RAS mm."""
        centre = (self.grid.origin + self.grid.far_corner) / 2
        return self.place + (points - centre) @ self.rotation.T

    def to_scanner(self, points: np.ndarray) -> np.ndarray:
        """The way back from `to_world`."""
        return (points - self.to_world(np.zeros(3))) @ self.rotation

    def truth(self) -> dict:
        """`Phantom.tree`."""
        shift = self.to_world(np.zeros(3))
        return tree_in_world(self.tree, self.chest, self.grid, self.protocol, self.rotation, shift)


def draw_patient(
    seed: int, shape: tuple[int, int, int] | None = None, alteration: Alteration | None = None
) -> Patient:
    """What `make_phantom` scans, in a fraction of its time.

        draw_patient(7).truth()["branches"]  # that of make_phantom(7)

    Args, Raises: as `make_phantom`.
    """
    if seed < 0:
        raise ValueError(f"The seed is {seed}; it must be 0 or larger.")
    if shape is not None and min(shape) < 16:
        raise ValueError(f"The shape is {tuple(shape)}; every axis needs at least 16 voxels.")
    patient, machine = (np.random.default_rng([seed, stream]) for stream in range(2))
    alteration = alteration or Alteration()
    protocol = alteration.protocol(draw_protocol(machine))
    place = machine.normal(0, [20, 60, 150])  # where the table stood: scanner coordinates have any offset
    contrast = alteration.contrast(draw_contrast(patient))
    grid = protocol.grid(shape)
    chest = alteration.chest(draw_chest(patient, protocol.extent(), contrast, alteration.frame))
    tree = alteration.tree(draw_coronaries(patient, chest))
    deposits = add_disease(patient, tree, contrast)
    return Patient(protocol, contrast, grid, chest, tree, deposits, place, (patient, machine))


def make_phantom(
    seed: int,
    shape: tuple[int, int, int] | None = None,
    *,
    orientation: str | None = None,
    workers: int = 1,
    alteration: Alteration | None = None,
) -> Phantom:
    """Draw a patient and a scan.

        phantom = make_phantom(7, SMALL)
        phantom.image.shape, phantom.label.sum(), [b["name"] for b in phantom.tree["branches"]]

    The same seed gives the same patient, vessels and acquisition in any shape, and the same file on any run.

    Args:
        seed: non-negative integer.
        shape: voxels along x, y, z over the drawn field of view; None is the scanner's own matrix
            (512 x 512 x up to 300), `SMALL` what the default network takes.
        orientation: axis codes of the stored array such as "LPS"; None draws them.
        workers: threads for the large form.
        alteration: None alters nothing.

    Raises:
        ValueError: for a negative seed, fewer than 16 voxels along an axis, or codes of no orientation.
    """
    drawn = draw_patient(seed, shape, alteration)
    patient, machine = drawn.draws
    protocol, contrast, grid = drawn.protocol, drawn.contrast, drawn.grid
    chest, tree = drawn.chest, drawn.tree

    shading = streaks(patient, chest, protocol.streak_hu)
    image = paint_organs(patient, chest, grid, shading, workers)
    lumen = paint_vessels(patient, image, chest, grid, contrast, tree, drawn.deposits)
    if protocol.slab_steps:
        image = shift_slabs(image, grid, protocol.slab_steps, mode="nearest")
        lumen = shift_slabs(lumen, grid, protocol.slab_steps, mode="constant")
    label = (lumen >= 0.5).view(np.uint8)
    fraction = np.rint(WHOLE * np.clip(lumen, 0, 1, out=lumen), out=lumen).astype(np.uint8)
    del lumen
    image = acquire(machine, image, grid, protocol, workers)
    np.clip(np.rint(image, out=image), -1024, 3071, out=image)
    image = image.astype(np.int16)

    affine = np.eye(4)
    affine[:3, :3] = drawn.rotation * grid.spacing
    affine[:3, 3] = drawn.to_world(grid.origin)
    truth = drawn.truth()
    arrays, affine = _reorient([image.T, label.T, fraction.T], affine, orientation or protocol.orientation)
    parameters = {"contrast": asdict(contrast), "protocol": asdict(protocol)}
    return Phantom(*arrays, affine, truth, {"generator": GENERATOR, "seed": seed, **parameters})


def _reorient(arrays: list[np.ndarray], affine: np.ndarray, codes: str) -> tuple[list, np.ndarray]:
    """Permute and flip arrays (X, Y, Z) whose axes are R, A, S so that they point along `codes`.

    Returns:
        the arrays, first axis fastest as files have them, and the affine of the same places in the world.
    """
    if len(codes) != 3 or not all(len(set(pair) & set(codes)) == 1 for pair in ("LR", "PA", "IS")):
        raise ValueError(f"The orientation is {codes!r}; three axis codes such as 'LPS' are needed.")
    turn = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(codes))
    affine = affine @ orientations.inv_ornt_aff(turn, arrays[0].shape)
    return [np.asfortranarray(orientations.apply_orientation(array, turn)) for array in arrays], affine
