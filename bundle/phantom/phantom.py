"""One synthetic coronary CT angiogram from a seed, with everything that is true about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from bundle.phantom.anatomy import draw_chest
from bundle.phantom.core import Grid, draw_contrast, sample
from bundle.phantom.scanner import acquire as scanner
from bundle.phantom.scanner import render
from bundle.phantom.vessels import STEP, add_disease, arc_length, draw_coronaries

SMALL = (128, 128, 64)
"""The small form: the same field of view in the voxels that the paper's network takes."""


GENERATOR = 5
"""Raised whenever the same seed gives another phantom, so that files of an older generator are made anew."""


WHOLE = 255
"""`Phantom.share` of a voxel that is lumen altogether."""


@dataclass
class Phantom:
    """A case.

    Attributes:
        image: int16 HU, indexed (x, y, z) in the case's own axis order.
        label: uint8, 1 where at least half of the voxel is coronary lumen.
        share: uint8, the part of the voxel that is coronary lumen, in 255ths.
        affine: (4, 4), voxel index to RAS mm.
        tree: the truth about the vessels, ready for JSON: `dominance` and `branches`, each with `name`,
            `parent`, `points_ras_mm` (N, 3), `radius_mm` (N,), `reference_radius_mm` (N,) and `lesions`.
        parameters: what was drawn for contrast and acquisition.
    """

    image: np.ndarray
    label: np.ndarray
    share: np.ndarray
    affine: np.ndarray
    tree: dict
    parameters: dict


def make_phantom(
    seed: int, shape: tuple[int, int, int] | None = None, *, orientation: str | None = None, workers: int = 1
) -> Phantom:
    """Draw a patient and a scan.

    The same seed gives the same patient, vessels and acquisition in any shape, and the same file on any run.

    Args:
        seed: non-negative integer.
        shape: voxels along x, y, z over the drawn field of view; None is the scanner's own matrix
            (512 x 512 x up to 300), `SMALL` what the default network takes.
        orientation: axis codes of the stored array such as "LPS"; None draws them.
        workers: threads for the large form.

    Raises:
        ValueError: for a negative seed, or a shape with fewer than 16 voxels along an axis.
    """
    if seed < 0:
        raise ValueError(f"The seed is {seed}; it must be 0 or larger.")
    if shape is not None and min(shape) < 16:
        raise ValueError(f"The shape is {tuple(shape)}; every axis needs at least 16 voxels.")
    patient, machine = (np.random.default_rng([seed, stream]) for stream in range(2))
    protocol = scanner.draw_protocol(machine)
    place = machine.normal(0, [20, 60, 150])  # where the table stood: scanner coordinates have any offset
    contrast = draw_contrast(patient)
    grid = protocol.grid(shape)
    # Anatomy is drawn on the acquisition's extent, not on its voxels: every shape shows one patient.
    extent = Grid(np.zeros(3), np.array(protocol.grid((2, 2, 2)).spacing) * 2, (2, 2, 2))
    chest = draw_chest(patient, extent, contrast)
    tree = draw_coronaries(patient, chest)
    deposits = add_disease(patient, tree, contrast)

    shading = render.streaks(patient, chest, protocol.streak_hu)
    image = render.paint_organs(patient, chest, grid, shading, workers)
    lumen = render.paint_vessels(patient, image, chest, grid, contrast, tree, deposits)
    if protocol.slab_steps:
        image = scanner.shift_slabs(image, grid, protocol.slab_steps, mode="nearest")
        lumen = scanner.shift_slabs(lumen, grid, protocol.slab_steps, mode="constant")
    label = (lumen >= 0.5).view(np.uint8)
    share = np.rint(WHOLE * np.clip(lumen, 0, 1, out=lumen), out=lumen).astype(np.uint8)
    del lumen
    image = scanner.acquire(machine, image, grid, protocol, workers)
    np.clip(np.rint(image, out=image), -1024, 3071, out=image)
    image = image.astype(np.int16)

    affine = np.eye(4)
    rotation = scanner.orientation_matrix(protocol)
    centre = (grid.origin + grid.far_corner) / 2
    affine[:3, :3] = rotation * grid.spacing
    affine[:3, 3] = place + rotation @ (grid.origin - centre)
    truth = _truth(tree, chest, grid, protocol, rotation, place - rotation @ centre)
    (image, label, share), affine = _reorient(
        (image.T, label.T, share.T), affine, orientation or protocol.orientation
    )
    return Phantom(
        image,
        label,
        share,
        affine,
        truth,
        {"generator": GENERATOR, "seed": seed, "contrast": asdict(contrast), "protocol": protocol.as_dict()},
    )


def _truth(tree, chest, grid: Grid, protocol, rotation, shift) -> dict:
    """The vessels in the world (RAS mm), cut where they leave the scan."""
    low, high = grid.origin - grid.spacing / 2, grid.far_corner + grid.spacing / 2
    branches = []
    for branch in tree.branches:
        # A tree begins where it leaves the aorta.
        begin = int(np.argmax(sample(chest.aorta, chest.grid, branch.points) > 0)) if not branch.parent else 0
        points = scanner.move_points(branch.points, protocol.slab_steps)
        inside = ((points >= low) & (points <= high)).all(axis=1)
        shown = begin + np.flatnonzero(inside[begin:])
        branches.append(
            {
                "name": branch.name,
                "parent": branch.parent,
                "points_ras_mm": points[shown] @ rotation.T + shift,
                "radius_mm": branch.radius[shown],
                "reference_radius_mm": branch.reference[shown],
                "complete": bool(inside[begin:].all()),
                "lesions": _shown_lesions(branch.lesions, points, shown),
            }
        )
    return {"dominance": tree.dominance, "branches": branches}


def _shown_lesions(lesions: list[dict], points: np.ndarray, shown: np.ndarray) -> list[dict]:
    """Lesions whose narrowest place is among the points that are `shown`, with distances along those."""
    kept = []
    along = arc_length(points[shown]) if len(shown) else np.zeros(0)
    for lesion in lesions:
        start, at = (round(lesion[key] / STEP) for key in ("start_mm", "at_mm"))
        if at in shown:
            first = min(int(np.searchsorted(shown, start)), len(shown) - 1)
            place = int(np.searchsorted(shown, at))
            kept.append({**lesion, "start_mm": float(along[first]), "at_mm": float(along[place])})
    return kept


def _reorient(arrays, affine, codes: str):
    """Permute and flip RAS-ordered arrays so that their axes point along `codes`; the affine follows."""
    names = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    try:
        axes, signs = zip(*(names[c] for c in codes))
        if sorted(axes) != [0, 1, 2]:
            raise KeyError(codes)
    except (KeyError, ValueError):
        raise ValueError(
            f"The orientation is {codes!r}; three axis codes such as 'LPS' are needed."
        ) from None
    step = np.zeros((4, 4))
    step[3, 3] = 1
    for new, (old, sign) in enumerate(zip(axes, signs)):
        step[old, new] = sign
        if sign < 0:
            step[old, 3] = arrays[0].shape[old] - 1
    flips = tuple(slice(None, None, sign) for sign in signs)
    # Files are written with the first axis fastest.
    return [np.asfortranarray(array.transpose(axes)[flips]) for array in arrays], affine @ step
