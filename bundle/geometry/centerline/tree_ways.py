"""Bridges from detached pieces of a mask to its trees, along what the network takes for lumen less surely."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.cluster.hierarchy import DisjointSet
from scipy.ndimage import maximum_filter
from skimage.graph import MCP_Geometric

from bundle.common.coordinates import ras_to_lps, voxel_size_mm, voxel_to_world
from bundle.common.crop import Region
from bundle.common.polylines import arc_length

from .tree_parts import Parts
from .tree_rule import TreeRule

__all__ = ["join_along_probability"]

_OWN = 1e-3  # cost of a voxel of the piece itself, which is free


def join_along_probability(
    parts: Parts,
    boxes: Callable[[Region], Sequence[np.ndarray]],
    affine: np.ndarray,
    rule: TreeRule,
    trees: Sequence[int],
    detached: Sequence[int],
) -> tuple[np.ndarray, list[dict], list[int]]:
    """Voxels (N, 3) of bridges, their record (``gap_mm``, ``at_lps_mm``, ``probability``: the least lumen's),
    and the detached pieces that no tree is joined to.

    A network that misses a tight or blurred stretch of a vessel often still gives it some probability, and
    where an artery crosses a cardiac vein it may call both a vein. A way leads through voxels of at least
    `way_probability`, the lumen's or `way_vein` of the vein's; it is the cheapest one, where a millimetre
    costs the more the less that is, and at most `way_mm` long. The shortest are taken first; two trees never
    come together. The pieces stay in any case, so that nothing comes into the mask but the way.

    Args:
        boxes: gives the probabilities of lumen and vein in a box of the mask, each of its shape.
        trees, detached: groups of parts, of which the mask consists.
    """
    found = []
    if rule.way_mm > 0:
        for piece in detached:
            found += _ways(parts, boxes, affine, rule, piece, (*trees, *detached))
    groups, rooted = DisjointSet((*trees, *detached)), set(trees)
    voxels, joins = [np.zeros((0, 3), int)], []
    for length, piece, other, way, least in sorted(found, key=lambda way: way[:3]):
        both = groups.subset(piece) | groups.subset(other)
        if groups.connected(piece, other) or len(both & rooted) > 1:
            continue
        groups.merge(piece, other)
        voxels.append(way)
        middle = voxel_to_world(way, affine).mean(axis=0)
        joins.append({
            "gap_mm": round(length, 2),
            "at_lps_mm": ras_to_lps(middle).round(1).tolist(),
            "probability": round(least, 2),
        })  # fmt: skip
    apart = [piece for piece in detached if not groups.subset(piece) & rooted]
    return np.concatenate(voxels), joins, apart


def _ways(
    parts: Parts,
    boxes: Callable[[Region], Sequence[np.ndarray]],
    affine: np.ndarray,
    rule: TreeRule,
    piece: int,
    kept: Sequence[int],
) -> list[tuple[float, int, int, np.ndarray, float]]:
    """The cheapest way from a piece to each other group: its length in mm, both, its voxels (N, 3), and the
    least probability of lumen along it.
    """
    size = voxel_size_mm(affine)
    number = parts.group[parts.label_of]
    number[~np.isin(number, kept)] = 0
    own = parts.voxels[number == piece]
    reach = np.ceil(rule.way_mm / size).astype(int)
    low = np.maximum(own.min(axis=0) - reach, 0)
    high = np.minimum(own.max(axis=0) + reach + 1, parts.mask.shape)
    group = np.zeros(high - low, np.int32)
    near = ((parts.voxels >= low) & (parts.voxels < high)).all(axis=1)
    group[tuple((parts.voxels[near] - low).T)] = number[near]
    lumen, vein = boxes(Region(tuple(low), group.shape))
    chance = np.maximum(lumen, rule.way_vein * vein)
    is_open = (chance >= rule.way_probability) & (group == 0)
    cost = np.full(lumen.shape, np.inf)
    cost[is_open] = 1 / chance[is_open]
    cost[group == piece] = _OWN
    # A way ends where it touches another group, within which it would cost nothing to go on.
    touched = maximum_filter(np.where(group == piece, 0, group), 3)
    finder = MCP_Geometric(cost, sampling=tuple(map(float, size)))
    price = finder.find_costs(own - low)[0]
    found = []
    for other in set(np.unique(touched[is_open & np.isfinite(price)]).tolist()) - {0}:
        ends = np.argwhere((touched == other) & is_open & np.isfinite(price))
        way = np.array(finder.traceback(tuple(ends[np.argmin(price[tuple(ends.T)])])))
        first = np.flatnonzero(group[tuple(way.T)] == piece)[-1]
        around = np.argwhere(group == other)
        last = around[np.argmin(np.abs(around - way[-1]).sum(axis=1))]
        way = np.concatenate([way[first:], last[None]])
        along = arc_length(way * size)
        length = float(along[-1] + along[-2] - along[1]) / 2  # from wall to wall, half a step from both ends
        way = _face_to_face(way, chance)[1:-1]
        if length <= rule.way_mm:
            found.append((length, piece, int(other), way + low, float(lumen[tuple(way.T)].min())))
    return found


def _face_to_face(way: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """A way (N, 3) whose voxels share faces, so that the surface is one too; corners where it is likelier."""
    voxels = [way[0]]
    for goal in way[1:]:
        while (ahead := np.sign(goal - voxels[-1])).any():
            steps = voxels[-1] + np.diag(ahead)[ahead != 0]
            voxels.append(steps[np.argmax(chance[tuple(steps.T)])])
    return np.array(voxels)
