"""The validation cases that TensorBoard shows: projections with overlays, and meshes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyvista as pv
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from monai.engines.utils import IterationEvents
from monai.transforms.utils import scale_affine
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_size_mm, voxel_to_world, voxels_of
from bundle.common.crop import region_of
from bundle.geometry.core import keep_faces, triangles
from bundle.geometry.surface import preview_surface
from bundle.transforms import resize_volume

from .overlays import BOTH, FALSE, MISSED, overlay_pictures
from .writer import RunWriter

__all__ = ["Case", "ShownCases", "is_shown", "scene"]

THRESHOLD = 0.5  # of the overlays, as the validation's Dice
LEVEL = 0.35  # of the meshes: the threshold of a confident prediction in inference.yaml
# An early network predicts foam, which takes seconds to make a surface of and shows nothing.
MOST_FILLED = 0.05
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Case:
    """A case of the validation, axes RAS.

    image, truth, probability: (X, Y, Z) in 0..1; the truth is the volume fraction of lumen.
    affine: (4, 4) voxel to RAS mm.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray
    probability: np.ndarray
    affine: np.ndarray


def is_shown(epoch: int, max_epochs: int, every: int, val_interval: int) -> bool:
    """Whether the validation of ``epoch`` is shown: the first, the last, and one every ``every`` epochs.

    It depends on the epoch alone, so a resumed run shows what an undisturbed one would.
    """
    first, last = epoch <= val_interval, epoch + val_interval > max_epochs
    return first or last or epoch // every != (epoch - val_interval) // every


def scene(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The predicted wall, and what it misses of the true one, as (points, faces, rgb).

    The colours are those of the overlays. The predicted wall is yellow where the true lumen is not further
    than a voxel's diagonal, else red; of the true wall stands, in blue, what is further from the prediction.
    Both are cut at `LEVEL` on a grid twice as fine, much as inference does it on the scan's own: at 0.5, and
    on the network's grid, vessels as thin as a voxel fall into specks.

    The points are mm about the middle of the volume, x to the patient's left, y to the head, z to the front:
    a viewer with y up shows the patient from the front.

    Returns:
        None where there is nothing to show, or the prediction fills more of the volume than vessels do.
    """
    filled = (case.probability >= LEVEL).mean()
    if filled > MOST_FILLED:
        logger.info("no mesh: the prediction fills %.0f %% of the volume", 100 * filled)
        return None
    predicted, predicted_wall = _lumen(case.probability, case.affine)
    true, true_wall = _lumen(case.truth, case.affine)
    diagonal_mm = float(np.linalg.norm(voxel_size_mm(case.affine)))
    found = _near(predicted_wall.points, true, diagonal_mm)
    missed = ~_near(true_wall.points, predicted, diagonal_mm)
    missed_wall = keep_faces(true_wall, missed[triangles(true_wall)].any(axis=1))
    points = np.concatenate([predicted_wall.points, missed_wall.points])
    if len(points) == 0:
        return None
    faces = np.concatenate([triangles(predicted_wall), triangles(missed_wall) + predicted_wall.n_points])
    rgb = np.concatenate([np.where(found[:, None], BOTH, FALSE), np.full((missed_wall.n_points, 3), MISSED)])
    middle = voxel_to_world((np.array(case.truth.shape) - 1) / 2, case.affine)
    x, y, z = (points - middle).T
    return np.stack([-x, z, y], axis=1), faces, rgb.astype(np.uint8)


def _lumen(fraction: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, pv.PolyData]:
    """Voxel centres (N, 3) mm and wall of what is at least `LEVEL` on a grid twice as fine."""
    region = region_of(fraction >= LEVEL)
    if region is None:
        return np.zeros((0, 3)), pv.PolyData()
    volume, affine = region.take(fraction), region.affine(affine)
    size = [2 * n for n in volume.shape]
    fine = resize_volume(torch.from_numpy(volume)[None], size, "spline")[0].numpy()
    affine = affine @ scale_affine(volume.shape, size)
    mask = fine >= LEVEL
    return voxel_to_world(voxels_of(mask), affine), preview_surface(mask, affine, fine)


def _near(points: np.ndarray, others: np.ndarray, distance_mm: float) -> np.ndarray:
    """Whether each of ``points``, (N, 3) mm, has one of ``others`` within the distance, (N,) bool."""
    if len(points) == 0 or len(others) == 0:
        return np.zeros(len(points), bool)
    nearest, _ = cKDTree(others).query(points, distance_upper_bound=distance_mm)
    return np.isfinite(nearest)


class ShownCases:
    """Write the overlays and the meshes of the first validation cases, every few epochs.

    Images ``val/case_<case>/<plane>`` and mesh ``val/case_<case>``, by the trainer's iteration. Attached to
    the validator, whose volumes it keeps on the device until the trainer's epoch ends: then `write` is due.
    The validator has batches {"image"} and output {"pred": logits, "label": volume fraction}, each of shape
    (B, 1, X, Y, Z) in RAS. On several processes only the first needs it, and it waits for none.

    Args:
        writer: shared with `Curves`, which opens it.
        trainer: whose epochs count.
        count: cases to show, at most one batch of them; 0 shows none.
        every: epochs from one picture to the next, see `is_shown`.
        val_interval: epochs from one validation to the next.
        extent_mm: field of view of images that come without an affine.
    """

    def __init__(
        self,
        writer: RunWriter,
        trainer: Engine,
        count: int = 1,
        every: int = 5,
        val_interval: int = 1,
        extent_mm: Sequence[float] = (180.0, 180.0, 120.0),
    ) -> None:
        self.writer = writer
        self.trainer = trainer
        self.count, self.every, self.val_interval = int(count), int(every), int(val_interval)
        self.extent_mm = tuple(extent_mm)
        self._kept: list[tuple] = []

    def attach(self, validator: Engine) -> None:
        validator.add_event_handler(IterationEvents.FORWARD_COMPLETED, self.keep)

    def keep(self, validator: Engine) -> None:
        if validator.state.iteration != 1:
            return
        epoch, last = validator.state.epoch, self.trainer.state.max_epochs
        if not is_shown(epoch, last, self.every, self.val_interval):
            return
        batch, output = validator.state.batch, validator.state.output
        image = batch["image"]
        names = batch.get("case", [str(number + 1) for number in range(len(image))])
        typical = np.diag([*np.divide(self.extent_mm, image.shape[2:]), 1.0])
        for number in range(min(self.count, len(image))):
            affine = image.affine[number] if isinstance(image, MetaTensor) else typical
            volumes = (output["image"], output["label"], torch.sigmoid(output["pred"].float()))
            self._kept.append((str(names[number]), *(v[number, 0].detach().clone() for v in volumes), affine))

    def write(self, trainer: Engine) -> None:
        kept, self._kept = self._kept, []
        for name, *volumes, affine in kept:
            arrays = (volume.float().cpu().numpy() for volume in volumes)
            case = Case(name, *arrays, np.asarray(affine, dtype=float))
            tag, step = f"val/case_{case.name}", trainer.state.iteration
            masks = (case.truth >= THRESHOLD, case.probability >= THRESHOLD)
            pictures = overlay_pictures(case.image, *masks, voxel_size_mm(case.affine), f"case {case.name}")
            for plane, rgb in pictures.items():
                self.writer.image(f"{tag}/{plane}", rgb, step)
            mesh = scene(case)
            if mesh is not None:
                self.writer.mesh(tag, *mesh, step)
