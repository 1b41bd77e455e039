"""Ways between ends of pieces along which the CT shows a vessel that the mask lacks.

From the end of a piece a least-cost path leads through the image to the ends of other pieces ahead of it. A
place costs the less the more it looks like the vessel that ends there: a bright tube of its calibre, by the
line filter of Sato et al., Med Image Anal 2 (1998), against that filter's value in the vessel itself. The
inside of a chamber is bright but no tube, and fat is neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter
from skimage.graph import MCP_Geometric

from bundle.common.coordinates import world_to_voxel
from bundle.common.polylines import arc_length
from bundle.common.time_limit import check_time

from .piece_ends import PieceEnds, beginning
from .skeleton import Skeleton

__all__ = ["STEP_MM", "ImageWay", "farthest_mm", "ways_from"]

STEP_MM = 0.6
_RADII, _LEAST_REACH_MM, _MOST_REACH_MM = 40.0, 8.0, 25.0
_AHEAD_COS, _SIDE_MM = 0.3, 8.0
_END_MM = 6.0
_MARGIN_MM = 4.0
_FAT_HU, _BRIGHT = -100.0, 0.25  # no vessel is where it is darker than this part of the way from fat to it
_SMOOTH = 0.7  # voxels
_LEAST = 0.05  # likeness that a dark place counts with
_PASSABLE, _AWAY = 0.15, 2  # only what is as like as this, and two voxels around it, is searched


@dataclass(frozen=True)
class ImageWay:
    """A way from one tip of the skeleton to another, or to another vessel's side.

    points: (N, 3) RAS mm, 0.6 to 1.04 mm apart. likeness: (N,) from 0.05 to 1, how far the image looks there
    as it does in the vessel that ends in `tip`. cost_mm: its length, each millimetre divided by its likeness.
    facing, facing_back: cosines between its first and last 4 mm and the directions of both tips; None at a
    side.
    """

    tip: int
    other: int
    points: np.ndarray
    likeness: np.ndarray
    cost_mm: float
    facing: float
    facing_back: float | None

    @property
    def length_mm(self) -> float:
        return float(arc_length(self.points)[-1])


def farthest_mm(radius_mm: float) -> float:
    """How long a way from an end of this radius may be: forty radii, 8 mm at least and 25 at most."""
    return float(np.clip(_RADII * radius_mm, _LEAST_REACH_MM, _MOST_REACH_MM))


class _Crop:
    """The CT on a grid of 0.6 mm around points (N, 3); `likeness` (X, Y, Z) as in `ImageWay`.

    Args:
        end: (M, 3) RAS mm, the centreline of the vessel near its end. radius_mm: its radius there.
    """

    def __init__(
        self,
        image: np.ndarray,
        affine: np.ndarray,
        points: np.ndarray,
        end: np.ndarray,
        radius_mm: float,
    ) -> None:
        self.low = points.min(axis=0) - _MARGIN_MM
        self.shape = np.ceil((points.max(axis=0) + _MARGIN_MM - self.low) / STEP_MM).astype(int) + 1
        index = world_to_voxel(self.low + STEP_MM * np.indices(self.shape).reshape(3, -1).T, affine).T
        hu = map_coordinates(image, index, order=1, cval=_FAT_HU, output=np.float32).reshape(self.shape)
        own, soft = tuple(self.at(end).T), gaussian_filter(hu, _SMOOTH)
        bright = soft > _FAT_HU + _BRIGHT * (float(np.median(soft[own])) - _FAT_HU)
        # The voxels' radius is a third of a millimetre too small.
        tubular = _tubular(hu, float(np.clip(0.7 * (radius_mm + 0.3) / STEP_MM, 0.9, 2.5)), bright)
        usual = float(np.median(tubular[own]))
        self.likeness = np.clip(tubular / usual, _LEAST, 1.0) if usual > 0 else np.zeros_like(tubular)

    def at(self, points: np.ndarray) -> np.ndarray:
        """The nearest voxels (N, 3) of points (N, 3), RAS mm."""
        return np.clip(np.rint((points - self.low) / STEP_MM).astype(int), 0, self.shape - 1)


def _tubular(values: np.ndarray, sigma: float, where: np.ndarray) -> np.ndarray:
    """Sato's filter for bright tubes at a scale in voxels, of each voxel (X, Y, Z); 0 outside of `where`."""
    # As skimage.feature.hessian_matrix, whose module takes half a second to import.
    slopes = np.gradient(gaussian_filter(values, sigma, mode="nearest"))
    parts = {(a, b): np.gradient(slopes[a], axis=b) for a in range(3) for b in range(a, 3)}
    trace = parts[0, 0] + parts[1, 1] + parts[2, 2]
    where = where & (trace < 0)  # most of the time goes into the eigenvalues
    matrix = np.empty((np.count_nonzero(where), 3, 3), np.float32)
    for (row, column), part in parts.items():
        matrix[:, row, column] = matrix[:, column, row] = part[where]
    across = np.maximum(-np.linalg.eigvalsh(matrix)[:, :2], 0)
    found = np.zeros(values.shape, np.float32)
    found[where] = np.sqrt(across.prod(axis=1))
    return found


def ways_from(
    skeleton: Skeleton, ends: PieceEnds, tip: int, image: np.ndarray, affine: np.ndarray
) -> list[ImageWay]:
    """The cheapest ways from a tip to the tips of each other piece that has one ahead and near enough
    (`farthest_mm`), and from where a side branch may begin to the sides within 8 mm.

    Args:
        image: (X, Y, Z) HU on any grid. affine: (4, 4) voxel to RAS mm.
    """
    check_time()
    start = skeleton.points[tip]
    others = ends.others_within(start, tip, farthest_mm(ends.wide[tip]))
    side = (np.linalg.norm(skeleton.points[others] - start, axis=1) <= _SIDE_MM) & ends.may_be_origin(tip)
    others = others[ends.is_tip(others) | side]
    if not ends.is_stub(tip):
        way = skeleton.points[others] - start
        others = others[way @ ends.direction[tip] > _AHEAD_COS * np.linalg.norm(way, axis=1)]
    if len(others) == 0:
        return []
    path = np.asarray(skeleton.from_tip(tip))
    end = skeleton.points[path[arc_length(skeleton.points[path]) <= _END_MM]]
    crop = _Crop(image, affine, np.concatenate([skeleton.points[others], end]), end, ends.wide[tip])
    near = maximum_filter(crop.likeness > _PASSABLE, 2 * _AWAY + 1)
    with np.errstate(divide="ignore"):
        finder = MCP_Geometric(np.where(near, 1 / crop.likeness, np.inf), sampling=(STEP_MM,) * 3)
    places = crop.at(skeleton.points[others])
    cost = finder.find_costs(crop.at(start[None]), np.unique(places, axis=0))[0]
    price, kind = cost[tuple(places.T)], 2 * ends.piece_of[others] + ends.is_tip(others)
    found = []
    for own in np.unique(kind[np.isfinite(price)]):
        best = min(np.flatnonzero(kind == own), key=lambda n: price[n])
        voxels = np.array(finder.traceback(tuple(places[best])))
        points, other = crop.low + STEP_MM * voxels, int(others[best])
        facing = float(beginning(points) @ ends.direction[tip])
        back = float(beginning(points[::-1]) @ ends.direction[other]) if own % 2 else None
        likeness = crop.likeness[tuple(voxels.T)]
        found.append(ImageWay(tip, other, points, likeness, float(price[best]), facing, back))
    return found
