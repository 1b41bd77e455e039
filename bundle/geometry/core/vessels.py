"""The mask as a lumen: cropped, no cavities, with the probability that places its wall; values of volumes."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from scipy.ndimage import map_coordinates

from bundle.common.coordinates import check_affine, voxel_volume_mm3, voxels_of, world_to_voxel
from bundle.common.crop import region_of
from bundle.common.parts import number_parts
from bundle.common.thinning import shell

__all__ = ["Vessels", "find_vessels", "sample_volume"]


@dataclass(frozen=True)
class Vessels:
    """The box around the vessels.

    mask: (X, Y, Z) bool, its border free. affine: (4, 4) of the box, voxel to RAS mm. probability: (X, Y, Z)
    or None. level: probability at the wall, where there is one. aorta_wall: (M, 3) RAS mm, voxels of the
    aorta's wall where the mask held one that was taken off (see `without_aorta`).
    """

    mask: np.ndarray
    affine: np.ndarray
    probability: np.ndarray | None
    level: float | None
    aorta_wall: np.ndarray | None = None

    @property
    def volume_mm3(self) -> float:
        return float(np.count_nonzero(self.mask) * voxel_volume_mm3(self.affine))


def clean_mask(mask: np.ndarray, voxel_mm3: float, min_part_mm3: float) -> np.ndarray:
    """A bool copy of `mask` (X, Y, Z) without 26-connected parts under `min_part_mm3`, cavities filled.

    A single voxel goes in any case: its surface, half-way to its neighbours, encloses a sixth of it. A cavity
    is background that is not connected (6-connected) to the volume's corner; `mask` must leave its border
    free, as a padded crop does.
    """
    inside = np.array(mask > 0, order="C")
    least = max(int(np.ceil(min_part_mm3 / voxel_mm3)), 2)
    voxels = voxels_of(inside)
    inside[tuple(voxels[number_parts(voxels, least) == 0].T)] = False
    outside = cc3d.connected_components(~inside, connectivity=6)
    return outside != outside[0, 0, 0]


def threshold_of(mask: np.ndarray, probability: np.ndarray) -> float:
    """The threshold that made `mask` out of `probability`: a probability inside the mask.

    It parts the mask from the voxels around it with the fewest on the wrong side: a bridge over a gap is less
    probable than the threshold, and a vein that was taken off more. 0.5 where more than a tenth are, because
    then the mask came from elsewhere.
    """
    inside = mask > 0
    own, around = probability[inside], probability[tuple(shell(inside).T)]
    edges = (np.arange(256) - 0.5) / 255  # between the values of a file of eight bits
    wrong = np.searchsorted(np.sort(own), edges) + len(around) - np.searchsorted(np.sort(around), edges)
    best = int(np.argmin(wrong))
    if wrong[best] > 0.1 * (len(own) + len(around)):
        return 0.5
    kept = own[own >= edges[best]]
    least = float(kept.min()) if len(kept) else 0.5
    return least if 0.05 <= least <= 0.95 else 0.5


def find_vessels(
    mask: np.ndarray,
    affine: np.ndarray,
    probability: np.ndarray | None = None,
    level: float | None = None,
    min_part_mm3: float = 0.0,
    clean: bool = True,
) -> Vessels | None:
    """The vessels of a scan, cropped with a margin of 6 voxels and cleaned; None where there are none.

    Their axes run along R, A, S as nearly as they can, however the scan's do.

    Args:
        mask: (X, Y, Z), > 0 is lumen; a vessel that touches the border is capped there.
        affine: (4, 4) voxel to RAS mm, also oblique, flipped, anisotropic or sheared.
        probability: (X, Y, Z) in 0..1; places the wall between voxels.
        level: probability at the wall; None takes the threshold that made the mask.
        min_part_mm3: connected parts of the mask that are smaller are dropped. By default the mask counts as
            it comes, but for single voxels: the pipeline has dropped what is too small before.
        clean: drop small parts and fill cavities; off, the mask is taken as it is.

    Raises:
        ValueError: wrong shapes or a bad affine.

    Example:
        >>> vessels = find_vessels(mask, affine)
        >>> vessels.mask.shape, bool(vessels.mask[:6].any())  # a margin of 6 voxels
        ((...), False)
        >>> bool(np.isclose(vessels.volume_mm3, 0.4**3 * np.count_nonzero(mask)))
        True
    """
    affine = check_affine(affine)
    if mask.ndim != 3:
        raise ValueError(f"the mask must be a volume of three axes; its shape is {mask.shape}")
    if probability is not None and probability.shape != mask.shape:
        raise ValueError(f"mask {mask.shape} and probability {probability.shape} are not on one grid")
    region = region_of(mask)
    if region is None:
        return None
    given, at = region.take(mask), region.affine(affine)
    soft = None if probability is None else region.take(probability)
    # Thinning depends on the order of the axes; the same scan stored otherwise is the same tree.
    turn = io_orientation(at)
    at = at @ inv_ornt_aff(turn, given.shape)
    given, soft = (None if x is None else apply_orientation(x, turn) for x in (given, soft))
    box = clean_mask(given, voxel_volume_mm3(affine), min_part_mm3) if clean else given > 0
    if not box.any():
        return None
    if soft is not None and level is None:
        level = threshold_of(given, soft)  # of the mask as given: a cavity that was filled holds less
    return Vessels(box, at, soft, level)


def sample_volume(
    volume: np.ndarray, affine: np.ndarray, points_mm: np.ndarray, order: int = 1
) -> np.ndarray:
    """`volume` (X, Y, Z) at RAS points (N, 3), (N,) float32, interpolated (1: trilinear, 0: nearest).

    Outside the volume the nearest voxel's value is taken.
    """
    if len(points_mm) == 0:
        return np.zeros(0, np.float32)
    index = world_to_voxel(points_mm, affine).T
    return map_coordinates(volume, index, order=order, mode="nearest", output=np.float32)
