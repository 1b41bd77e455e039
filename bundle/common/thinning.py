"""Thinning that loses neither a component nor a stretch of one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from bundle.common.coordinates import voxels_of
from bundle.common.parts import split_parts

__all__ = ["rim", "shell", "skeleton", "skeleton_voxels"]

_AXES = [axes for count in (1, 2, 3) for axes in combinations(range(3), count)]
_PAD = 2  # voxels: what is made thicker by one keeps a free border


def skeleton(mask: np.ndarray) -> np.ndarray:
    """Centreline voxels, bool, of a bool array (X, Y, Z): Lee's thinning, a part at a time.

    Source: Lee, Kashyap, Chu, CVGIP 56 (1994), as `skimage.morphology.skeletonize` implements it. That
    implementation eats a vessel from its end, or whole, where it runs along the grid and is an even number of
    voxels thick. If the skeleton leaves out a stretch of its part, the part made one voxel thicker along one
    or more axes is thinned too, until one covers all, and what covers most is taken. Of a part that comes to
    nothing all the same the deepest voxel stays.

    Measured on 400 tubes and bars, half of them along the grid: plain thinning loses 18 % whole and cuts 27 %
    by more than a tenth of their length; shaving a lost part by a voxel instead of thickening it leaves 9 %
    cut, this 3 %. Shaving every part that is left out cuts 2 %, but takes the thin twigs of a thick part.

    Example:
        >>> bar = np.zeros((8, 8, 20), bool)
        >>> bar[3:5, 3:5, 2:18] = True
        >>> int(skeletonize(bar).sum()), int(skeleton(bar).any(axis=(0, 1)).sum())
        (0, 14)
    """
    out, voxels = np.zeros(mask.shape, bool), voxels_of(mask)
    out[tuple(skeleton_voxels(voxels).T)] = True
    return out


def skeleton_voxels(voxels: np.ndarray, known: dict[bytes, np.ndarray] | None = None) -> np.ndarray:
    """As `skeleton`: centreline voxels (K, 3) of a mask's (N, 3), both in the order of the array.

    Args:
        known: where parts of a mask are thinned again, the parts of earlier calls, which are not: the voxels
            of a skeleton by those of its part. Those of this call are added.
    """
    known, found = {} if known is None else known, [np.zeros((0, 3), int)]
    for own in split_parts(voxels):
        key = own.tobytes()
        if key not in known:
            low = own.min(axis=0) - _PAD
            part = np.zeros(own.max(axis=0) - low + 1 + _PAD, bool)
            part[tuple((own - low).T)] = True
            known[key] = voxels_of(_thin(part)) + low
        found.append(known[key])
    thin = np.concatenate(found)
    return thin[np.lexsort(thin.T[::-1])]


def shell(mask: np.ndarray) -> np.ndarray:
    """Background voxels (N, 3) beside a face of a bool mask (X, Y, Z), in the order of the array."""
    flat = np.ascontiguousarray(mask).ravel()
    return _voxels([beside[~flat[beside]] for _, beside in _faces(mask)], mask.shape)


def rim(mask: np.ndarray) -> np.ndarray:
    """Voxels (N, 3) of a bool mask (X, Y, Z) with background beside a face, in the order of the array."""
    flat = np.ascontiguousarray(mask).ravel()
    return _voxels([own[~flat[beside]] for own, beside in _faces(mask)], mask.shape)


def _faces(mask: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A mask's voxels and those beside them in one direction, both as flat indices (N,); six times."""
    own = np.flatnonzero(mask)
    steps = (mask.shape[1] * mask.shape[2], mask.shape[2], 1)
    for place, size, step in zip(np.unravel_index(own, mask.shape), mask.shape, steps):
        for inside, sign in ((place > 0, -1), (place < size - 1, 1)):
            yield own[inside], own[inside] + sign * step


def _voxels(flat: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.unravel_index(np.unique(np.concatenate(flat)), shape), axis=1)


def _thin(part: np.ndarray) -> np.ndarray:
    """The skeleton, bool, of one connected part (X, Y, Z) with a free border."""
    best = skeletonize(part)
    voxels, wall = voxels_of(part), cKDTree(shell(part))
    missed = _left_out(voxels, best, wall)
    for axes in _AXES:
        if missed <= 0.005:
            break
        thicker = part
        for axis in axes:
            thicker = thicker | np.roll(thicker, 1, axis=axis)
        other = skeletonize(thicker) & part
        left = _left_out(voxels, other, wall)
        if left < missed:
            best, missed = other, left
    if not best.any():
        best[tuple(voxels[np.argmax(wall.query(voxels)[0])])] = True
    return best


def _left_out(voxels: np.ndarray, thin: np.ndarray, wall: cKDTree) -> float:
    """The fraction of a part's voxels (N, 3) that lie over two radii and two voxels from its skeleton."""
    line = voxels_of(thin)
    if len(line) == 0:
        return 1.0
    distance, nearest = cKDTree(line).query(voxels[:: len(voxels) // 20000 + 1])
    return float((distance > 2.0 * wall.query(line)[0][nearest] + 2.0).mean())
