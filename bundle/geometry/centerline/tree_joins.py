"""Bridges over gaps between parts of a mask whose ends face each other."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.common.coordinates import ras_to_lps, voxel_size_mm, voxel_to_world, world_to_voxel

from .chains import end_radius
from .piece_ends import outwards
from .tree_parts import Parts
from .tree_rule import TreeRule

__all__ = ["join_parts"]


def join_parts(
    parts: Parts, affine: np.ndarray, rule: TreeRule, apart: set[int]
) -> tuple[list[tuple[int, np.ndarray]], list[dict]]:
    """Bridges as (part, voxels (N, 3)), and their record; the parts of each come into one group.

    Args:
        apart: parts of which no two come together.
    """
    skeleton, part_of, group = parts.skeleton, parts.part_of, parts.group
    tips = skeleton.tips()
    if rule.max_gap_mm <= 0 or not tips:
        return [], []
    ahead = np.zeros_like(skeleton.points)
    ahead[tips] = [outwards(skeleton, tip) for tip in tips]
    is_tip, search = ahead.any(axis=1), cKDTree(skeleton.points)
    reach = rule.max_gap_mm + 4 * float(skeleton.radius.max())  # a skeleton ends before its vessel does
    found = []
    for tip in tips:
        others = np.array(search.query_ball_point(skeleton.points[tip], reach), int)
        others = others[part_of[others] != part_of[tip]]
        way = skeleton.points[others] - skeleton.points[tip]
        distance = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
        facing = way @ ahead[tip] / distance
        back = -(way * ahead[others]).sum(axis=1) / distance
        faces = np.where(is_tip[others], np.minimum(facing, back) >= rule.facing, facing >= rule.facing_side)
        others, facing = others[faces], facing[faces]
        gap = _empty_mm(parts.mask, affine, skeleton.points[tip], skeleton.points[others])
        for n in np.flatnonzero(gap <= rule.max_gap_mm):
            found.append((float(gap[n] * (2.0 - facing[n])), float(gap[n]), tip, int(others[n])))
    bridges, joins = [], []
    for _, gap, tip, other in sorted(found):
        first, second = int(group[part_of[tip]]), int(group[part_of[other]])
        both = set(np.flatnonzero(np.isin(group, (first, second)))) & apart
        if first == second or len(both) > 1:
            continue
        group[group == second] = first
        start, end = skeleton.points[[tip, other]]
        # As thick as the end: at a side the other vessel has its own width already.
        wide = end_radius(skeleton, tip)
        voxels = _tube(parts.mask.shape, affine, start, end, min(wide, float(skeleton.radius[other])))
        bridges.append((int(part_of[tip]), voxels))
        joins.append({"gap_mm": round(gap, 2), "at_lps_mm": ras_to_lps((start + end) / 2).round(1).tolist()})
    return bridges, joins


def _empty_mm(mask: np.ndarray, affine: np.ndarray, start: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How much of the straight ways from a point to others (N, 3), RAS mm, lies outside of the mask, (N,)."""
    steps = np.linspace(0, 1, 64)[:, None, None]
    ways = world_to_voxel((start + steps * (ends - start)).reshape(-1, 3), affine)
    empty = ~mask[tuple(np.rint(ways).astype(int).T)]
    return empty.reshape(64, -1).mean(axis=0) * np.linalg.norm(ends - start, axis=1)


def _tube(
    shape: tuple[int, ...], affine: np.ndarray, start: np.ndarray, end: np.ndarray, radius_mm: float
) -> np.ndarray:
    """Voxels (N, 3) within a radius of the straight way between two points, RAS mm."""
    # Never thinner than what connects: half of a voxel's diagonal.
    radius_mm = max(radius_mm, 0.5 * float(np.linalg.norm(voxel_size_mm(affine))))
    corners, reach = world_to_voxel(np.stack([start, end]), affine), radius_mm / voxel_size_mm(affine) + 1
    low = np.maximum(np.floor(corners.min(axis=0) - reach), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0) + reach) + 1, shape).astype(int)
    voxels = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), -1).reshape(-1, 3)
    way, from_start = end - start, voxel_to_world(voxels, affine) - start
    along = np.clip(from_start @ way / max(float(way @ way), 1e-9), 0, 1)
    return voxels[np.linalg.norm(from_start - along[:, None] * way, axis=1) <= radius_mm]
