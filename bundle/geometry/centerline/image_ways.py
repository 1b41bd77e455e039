"""Ways between pieces of a vessel along which the CT shows a vessel that the mask lacks.

From an end of a piece the least-cost path is followed through the image to the other pieces ahead of it. A
place costs little where it looks as the piece's own end does: as tubular (the line filter of Sato et al.,
Med Image Anal 2 (1998), at the scale of its calibre) and at least half as bright. What lies inside of a
chamber is bright but no tube, and fat is neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.feature import hessian_matrix
from skimage.graph import MCP_Geometric

from bundle.common.coordinates import world_to_voxel
from bundle.common.polylines import arc_length
from bundle.common.time_limit import check_time

from .piece_ends import PieceEnds
from .skeleton import Skeleton

__all__ = ["LEAST_REACH_MM", "REACH_RADII", "STEP_MM", "ImageWay", "ways_from"]

STEP_MM = 0.6
LEAST_REACH_MM, REACH_RADII, _MOST_REACH_MM = 8.0, 40.0, 25.0
_AHEAD_COS = 0.3
_END_MM, _DIRECTION_MM = 6.0, 4.0
_MARGIN_MM = 4.0
_FAT_HU = -100.0
_LEAST = 0.05
_MOST_COST_MM = 60.0
_SMOOTH = 0.7  # voxels
_BRIGHT = 0.25


@dataclass(frozen=True)
class ImageWay:
    """A way from a tip to a node of another piece.

    points: (N, 3) RAS mm from the tip to the node, 0.6 mm apart. likeness: (N,) from 0.05 to 1, how far the
    image looks there as it does in the vessel that ends in the tip. cost_mm: its length, each millimetre
    divided by its likeness. facing, facing_back: cosine between the way's first and last 4 mm and the
    direction of the tip, and of the other node where that is a tip.
    """

    tip: int
    node: int
    points: np.ndarray
    likeness: np.ndarray
    cost_mm: float
    facing: float
    facing_back: float | None
    level: float
    level_back: float

    @property
    def length_mm(self) -> float:
        return float(arc_length(self.points)[-1])


class _Crop:
    """The CT about an end on a grid of 0.6 mm: `likeness` (X, Y, Z) as in `ImageWay`."""

    def __init__(self, image, affine, points: np.ndarray, end: np.ndarray, radius_mm: float):
        self.level = 0.0
        self.low = points.min(axis=0) - _MARGIN_MM
        self.shape = np.ceil((points.max(axis=0) + _MARGIN_MM - self.low) / STEP_MM).astype(int) + 1
        grid = self.low + STEP_MM * np.indices(self.shape).reshape(3, -1).T
        index = world_to_voxel(grid, affine).T
        hu = map_coordinates(image, index, order=1, cval=_FAT_HU, output=np.float32).reshape(self.shape)
        own = tuple(self.at(end).T)
        soft = gaussian_filter(hu, _SMOOTH)
        self.soft = soft
        self.level = float(np.median(soft[own]))
        bright = soft > _FAT_HU + _BRIGHT * (self.level - _FAT_HU)
        sigma = float(np.clip(0.7 * (radius_mm + 0.3) / STEP_MM, 0.9, 2.5))
        tubular = _tubular(hu, sigma, bright)
        usual = float(np.median(tubular[own]))
        self.likeness = np.clip(tubular / usual, _LEAST, 1.0) if usual > 0 else None

    def at(self, points: np.ndarray) -> np.ndarray:
        """The nearest voxels (N, 3) of points (N, 3), RAS mm."""
        return np.clip(np.rint((points - self.low) / STEP_MM).astype(int), 0, self.shape - 1)


def _tubular(values: np.ndarray, sigma: float, where: np.ndarray) -> np.ndarray:
    """How far a bright tube runs through each voxel (X, Y, Z): Sato's filter, 0 outside of `where`."""
    parts = hessian_matrix(values, sigma=sigma, order="rc", use_gaussian_derivatives=False, mode="nearest")
    matrix = np.empty((np.count_nonzero(where), 3, 3), np.float32)
    for (row, column), part in zip(((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)), parts):
        matrix[:, row, column] = matrix[:, column, row] = part[where]
    across = np.maximum(-np.linalg.eigvalsh(matrix)[:, :2], 0)
    found = np.zeros(values.shape, np.float32)
    found[where] = np.sqrt(across.prod(axis=1))
    return found


def ways_from(
    skeleton: Skeleton, ends: PieceEnds, tip: int, image: np.ndarray, affine: np.ndarray
) -> list[ImageWay]:
    """The cheapest way from a tip to each piece within 22 mm ahead of it, to that one's tip where it is as near.

    Args:
        image: (X, Y, Z) HU on any grid, and its 4x4 affine.
    """
    check_time()
    start = skeleton.points[tip]
    reach_mm = float(np.clip(REACH_RADII * ends.wide[tip], LEAST_REACH_MM, _MOST_REACH_MM))
    others = ends.others_within(start, tip, reach_mm)
    way = skeleton.points[others] - start
    if not ends.is_stub(tip):
        others = others[way @ ends.direction[tip] > _AHEAD_COS * np.linalg.norm(way, axis=1)]
    if len(others) == 0:
        return []
    path = np.asarray(skeleton.from_tip(tip))
    end = skeleton.points[path[arc_length(skeleton.points[path]) <= _END_MM]]
    around = np.concatenate([skeleton.points[others], end])
    crop = _Crop(image, affine, around, end, ends.wide[tip])
    if crop.likeness is None:
        return []
    finder = MCP_Geometric(1.0 / crop.likeness, sampling=(STEP_MM,) * 3)
    costs = finder.find_costs([tuple(crop.at(start[None])[0])])[0]
    places = crop.at(skeleton.points[others])
    price = costs[tuple(places.T)]
    price = np.where(ends.is_tip(others), price - 3.0, price)
    found = []
    for piece in np.unique(ends.piece_of[others]):
        own = np.flatnonzero(ends.piece_of[others] == piece)
        best = own[np.argmin(price[own])]
        cost = float(costs[tuple(places[best])])
        if cost > _MOST_COST_MM:
            continue
        voxels = np.array(finder.traceback(tuple(places[best])))
        points, node = crop.low + STEP_MM * voxels, int(others[best])
        facing = float(_first(points) @ ends.direction[tip])
        back = float(_first(points[::-1]) @ ends.direction[node]) if ends.direction[node].any() else None
        opath = np.asarray(skeleton.from_tip(node)) if ends.direction[node].any() else np.array([node])
        oend = skeleton.points[opath[arc_length(skeleton.points[opath]) <= _END_MM]]
        olevel = float(np.median(crop.soft[tuple(crop.at(oend).T)]))
        found.append(ImageWay(tip, node, points, crop.likeness[tuple(voxels.T)], cost, facing, back, crop.level, olevel))
    return found


def _first(points: np.ndarray) -> np.ndarray:
    """Unit direction of the first 4 mm of a way (N, 3)."""
    along = arc_length(points)
    step = points[int(np.searchsorted(along, min(_DIRECTION_MM, along[-1])))] - points[0]
    return step / max(np.linalg.norm(step), 1e-9)
