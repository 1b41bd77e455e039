"""The centreline of a mask or of an analytic truth, as points that each stand for a length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import cc3d
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_to_world, voxels_of
from bundle.common.crop import region_of
from bundle.common.polylines import arc_length
from bundle.common.thinning import shell, skeleton

__all__ = ["Line", "line_of_branches", "line_of_mask", "ostia_of"]

_ROOTS, _LEAST_TREE, _END_MM = 3, 0.1, 4.0


@dataclass(frozen=True)
class Line:
    """Points along centrelines.

    points: (N, 3) RAS mm.
    length_mm: (N,) that each point stands for: half of the way to each of its neighbours.
    radius_mm: (N,) of the vessel there.
    part: (N,) number, from 0, of the connected part.
    is_end: (N,) whether a centreline ends there.
    voxels: (N, 3) indices in the mask; none of an analytic line.
    ostia: (K, 3) RAS mm, where known.
    """

    points: np.ndarray
    length_mm: np.ndarray
    radius_mm: np.ndarray
    part: np.ndarray
    is_end: np.ndarray
    voxels: np.ndarray | None = None
    ostia: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points)

    def at(self, chosen: np.ndarray) -> Line:
        """The points that are `chosen`, (N,) bool."""
        names = ("points", "length_mm", "radius_mm", "part", "is_end", "voxels")
        arrays = {name: getattr(self, name) for name in names}
        return replace(self, **{n: None if a is None else a[chosen] for n, a in arrays.items()})


_NOTHING = Line(np.zeros((0, 3)), np.zeros(0), np.zeros(0), np.zeros(0, int), np.zeros(0, bool))


def line_of_mask(mask: np.ndarray, affine: np.ndarray) -> Line:
    """The skeleton (`bundle.common.thinning`) of the voxels > 0 of a mask (X, Y, Z) on a grid in RAS mm.

    Lengths are those of a minimal spanning tree over touching voxels: a line along the grid is exact, an
    oblique one reads up to an eighth too long, as chains of voxels do. The radius is the largest distance
    from a skeleton voxel or one of its neighbours to the centre of a background voxel. The wall lies up to a
    voxel before such a centre, but of the many around a vessel some are always close behind it: on tubes of
    0.5 to 2.5 mm radius in voxels of 0.35 to 0.5 mm this is right to 0.15 voxels (to half a voxel along the
    grid), where half a voxel less would be too thin. The skeleton ends about a radius before the vessel does.

    Example:
        >>> mask = np.zeros((9, 9, 40), bool)
        >>> mask[3:6, 3:6, 5:35] = True
        >>> line = line_of_mask(mask, np.diag([0.5, 0.5, 0.5, 1]))
        >>> round(line.length_mm.sum(), 1), int(line.is_end.sum())
        (14.5, 2)
    """
    region = region_of(mask, margin=2)
    if region is None:
        return replace(_NOTHING, voxels=np.zeros((0, 3), int))
    inside, own = region.take(mask) > 0, region.affine(affine)
    voxels = voxels_of(skeleton(inside))
    points = voxel_to_world(voxels, own)
    pairs = cKDTree(voxels).query_pairs(1.8, output_type="ndarray")
    steps = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    links = coo_matrix((steps, (pairs[:, 0], pairs[:, 1])), shape=(len(voxels),) * 2)
    tree = minimum_spanning_tree(links.tocsr()).tocoo()
    ends, halves = np.concatenate([tree.row, tree.col]), np.tile(tree.data / 2, 2)
    parts = cc3d.connected_components(inside, connectivity=26)
    return Line(
        points,
        np.bincount(ends, halves, len(voxels)),
        _radius(inside, voxels, own),
        parts[tuple(voxels.T)].astype(int) - 1,
        np.bincount(ends, minlength=len(voxels)) <= 1,
        voxels + region.low,
    )


def _radius(inside: np.ndarray, voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    wall = cKDTree(voxel_to_world(shell(inside), affine))
    radius = np.zeros(len(voxels))
    for step in product((-1, 0, 1), repeat=3):  # the mask has an empty margin
        beside = voxels + step
        found = inside[tuple(beside.T)]
        distance = wall.query(voxel_to_world(beside[found], affine))[0]
        radius[found] = np.maximum(radius[found], distance)
    return radius


def line_of_branches(branches: Iterable[Mapping[str, Any]]) -> Line:
    """The analytic truth of a phantom: ``points_ras_mm``, ``radius_mm`` and ``parent`` of its branches.

    A branch without a parent begins at an ostium. Branches of which the scan shows nothing have no points.
    """
    lines, ostia = [], []
    for branch in branches:
        points = np.asarray(branch["points_ras_mm"], float).reshape(-1, 3)
        if len(points) < 2:
            continue
        if not branch.get("parent"):
            ostia.append(points[0])
        steps = np.diff(arc_length(points)) / 2
        ends = np.zeros(len(points), bool)
        ends[[0, -1]] = True
        length = np.append(steps, 0) + np.insert(steps, 0, 0)
        part = np.full(len(points), len(lines))
        lines.append((points, length, np.asarray(branch["radius_mm"], float), part, ends))
    if not lines:
        return replace(_NOTHING, ostia=np.zeros((0, 3)))
    return Line(*map(np.concatenate, zip(*lines)), None, np.reshape(ostia, (-1, 3)))


def ostia_of(line: Line) -> np.ndarray:
    """Where the trees of a true line begin, (K, 3) RAS mm: known, or the thickest end of its largest parts.

    Coronaries taper, so of all ends the one with the thickest last 4 mm is the ostium. Labels come in pieces,
    of which most are pieces of branches: up to three parts, for a left and a right tree and an ostium apart,
    have one, if their lumen is a tenth of the largest's. On six phantoms' labels with 2 to 9 parts these are
    the twelve true ostia, to 3.2 mm, for a skeleton ends before the vessel does, and no other.
    """
    if line.ostia is not None:
        return line.ostia
    size = np.bincount(line.part, line.length_mm * line.radius_mm**2)
    found = []
    for part in np.argsort(-size, kind="stable")[:_ROOTS]:
        if size[part] < _LEAST_TREE * size.max():
            break
        own = line.at(line.part == part)
        ends = own.points[own.is_end] if own.is_end.any() else own.points
        near = cKDTree(own.points).query_ball_point(ends, _END_MM)
        found.append(ends[int(np.argmax([own.radius_mm[i].mean() for i in near]))])
    return np.reshape(found, (-1, 3))
