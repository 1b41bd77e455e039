"""Which parts of a mask are coronary trees: what hangs together with the aorta, or is surely a vessel."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cc3d
import numpy as np
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from bundle.common.coordinates import (
    ras_to_lps,
    voxel_size_mm,
    voxel_to_world,
    voxel_volume_mm3,
    voxels_of,
    world_to_voxel,
)
from bundle.common.crop import region_of
from bundle.common.thinning import shell

from .aorta import find_aorta
from .chains import end_radius
from .gaps import outwards
from .backwards import backward_branches
from .skeleton import Skeleton, fill_pits, prune, skeletonise
from .tree_rule import Part, TreeRule

__all__ = ["aorta_wall", "blood_pool", "keep_trees"]


@dataclass
class _Parts:
    """A mask's parts, numbered from 1 on, of which several may come together in a group.

    labels: (X, Y, Z); skeleton: of all; part_of: (K,) of its nodes.
    points: (N, 3) RAS mm, the mask's voxels; label_of: (N,).
    group: (count + 1,) by the number of a part.
    """

    labels: np.ndarray
    skeleton: Skeleton
    part_of: np.ndarray
    points: np.ndarray
    label_of: np.ndarray
    group: np.ndarray

    def points_of(self, number: int) -> np.ndarray:
        """Voxels of a group, RAS mm."""
        return self.points[self.group[self.label_of] == number]


def keep_trees(
    mask: np.ndarray,
    affine: np.ndarray,
    probability: np.ndarray,
    rule: TreeRule,
    vein: np.ndarray | None = None,
    pool_mm: np.ndarray | None = None,
    is_aorta: bool = True,
    image: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, dict]:
    """The coronary trees of a mask, and what was done to it.

    1. Voxels where a cardiac vein is by more than ``vein_margin`` more probable than the lumen go.
    2. Where an end of a part and an end of another one face each other over at most ``max_gap_mm``, or an end
       points at another's side, the gap is bridged, the shortest first; two that begin at the aorta never.
    3. Up to ``max_roots`` parts, the longest, that begin at the aorta are trees, the others no further than
       ``aorta_mm`` from where the longest does. Without a segmented aorta it is the thickest end that has to
       lie at a pool, for vessels run along chambers too.
    4. Of a tree that begins at the aorta, what leaves its parent backwards and has the look of a vein goes, with
       all that hangs on it: arteries part onwards, a vein that touches one runs as it pleases.
    5. Others stay as detached pieces if they are surely vessels, about as bright as the trees, and no further
       than ``far_mm`` from the aorta or from what is kept, nearest first. If nothing has a root, the longest
       part stands in for one.

    Source: this project's own; `scripts/study.py native --rules` compares it with others. Neither the order
    nor the direction of the axes matters.

    Args:
        mask: (X, Y, Z), > 0 is foreground.
        affine: 4x4, RAS mm.
        probability, vein: (X, Y, Z) in 0...1 of lumen and cardiac vein.
        pool_mm: (N, 3) RAS mm, points of the aorta's wall, or of blood pools' (`blood_pool`).
        is_aorta: whether these are the aorta's.
        image: (X, Y, Z) and its 4x4 affine, on any grid, in which contrast is bright.

    Returns:
        bool mask, and a record ready for JSON: ``vein_mm3`` (gone by step 1), ``parts_before`` (after it),
        ``backward`` (gone by step 4: ``length_mm``, ``vein``, ``at_lps_mm``), ``joins`` (``gap_mm``, ``at_lps_mm``), ``has_root`` (whether step 3 found one), ``trees``,
        ``detached`` (both as `Part`), ``parts_after``, ``dropped_mm3``.
    """
    # Thinning and ties depend on the order of the axes: the same ones for every scan.
    axes = io_orientation(affine)
    shape, affine = mask.shape, affine @ inv_ornt_aff(axes, mask.shape)
    mask = apply_orientation(mask, axes) > 0
    record = {"vein_mm3": 0.0, "parts_before": 0, "backward": [], "joins": [], "has_root": False, "trees": [],
              "detached": [], "parts_after": 0, "dropped_mm3": 0.0}  # fmt: skip
    region = region_of(mask, margin=2)
    if region is None:
        return np.zeros(shape, bool), record
    own, grid = region.take(mask), region.affine(affine)
    chances = [
        np.zeros(own.shape, np.float32) if chance is None else region.take(apply_orientation(chance, axes))
        for chance in (probability, vein)
    ]
    is_vein = own & (chances[1] - chances[0] > rule.vein_margin)
    own = own & ~is_vein
    record["vein_mm3"] = round(np.count_nonzero(is_vein) * voxel_volume_mm3(affine), 1)
    if not own.any():
        return np.zeros(shape, bool), record
    parts = _parts_of(own, grid, rule)
    pool = None if pool_mm is None or len(pool_mm) == 0 else cKDTree(pool_mm)
    rooted = _rooted(parts, _measure(parts, chances, grid), pool, is_aorta, rule)
    if rooted and is_aorta:
        at_vein, record["backward"] = _backward(parts, rooted, pool, chances[1], grid, rule)
        if record["backward"]:
            own = own & ~at_vein
            parts = _parts_of(own, grid, rule)
            rooted = _rooted(parts, _measure(parts, chances, grid), pool, is_aorta, rule)
    apart = set(rooted)
    bridges, record["joins"] = _join(parts, grid, rule, apart)
    measured = _measure(parts, chances, grid)
    trees = _rooted(parts, measured, pool, is_aorta, rule)
    record["has_root"] = bool(trees)
    if not trees:
        trees = sorted(measured, key=lambda n: -measured[n].length_mm)[:1]
    elif is_aorta:
        pool = _around(pool, parts.points_of(trees[0]), rule)
    kept = _with_detached(parts, measured, trees, pool, rule, _brightness(parts, image, rule))
    wanted = np.isin(parts.group, kept)
    wanted[0] = False
    result = own & wanted[parts.labels]
    lost = np.count_nonzero(own) - np.count_nonzero(result)
    for number, bridge in bridges:
        if wanted[number]:
            result[tuple(bridge.T)] = True
    record |= {
        "parts_before": _count(own),
        "trees": [asdict(measured[n]) for n in trees],
        "detached": [asdict(measured[n]) for n in kept if n not in trees],
        "parts_after": _count(result),
        "dropped_mm3": round(lost * voxel_volume_mm3(affine), 1),
    }
    back = ornt_transform(axcodes2ornt("RAS"), axes)
    return np.ascontiguousarray(apply_orientation(region.put(result, mask.shape), back)), record


def blood_pool(image: np.ndarray, affine: np.ndarray, lumen_mm: np.ndarray) -> np.ndarray:
    """Points (N, 3), RAS mm, of the walls of regions as bright as a vessel and over 12 mm wide.

    Args:
        image: (X, Y, Z), any unit in which contrast is bright.
        affine: 4x4, RAS mm, of the image.
        lumen_mm: (M, 3) RAS mm, points inside vessels; the darkest quarter of them is thinner than a voxel.
    """
    step = np.maximum(np.rint(1.0 / voxel_size_mm(affine)), 1).astype(int)
    coarse = image[:: step[0], :: step[1], :: step[2]]
    grid = np.array(affine, float)
    grid[:3, :3] = grid[:3, :3] * step
    at = np.rint(world_to_voxel(lumen_mm, affine)).astype(int)
    at = at[((at >= 0) & (at < image.shape)).all(axis=1)]
    if len(at) == 0:
        return np.zeros((0, 3))
    pool = find_aorta(coarse >= np.percentile(image[tuple(at.T)], 25), grid)
    return np.zeros((0, 3)) if pool is None else _wall(pool, grid)


def aorta_wall(mask: np.ndarray, affine: np.ndarray, least_mm3: float = 1000.0) -> np.ndarray:
    """Points (N, 3), RAS mm, of the wall of a segmented aorta (X, Y, Z), less what is small.

    Where the arch is outside the scan, ascending and descending aorta are two parts. Every second voxel is
    enough.
    """
    coarse, grid = mask[::2, ::2, ::2] > 0, np.array(affine, float)
    grid[:3, :3] *= 2
    least = int(np.ceil(least_mm3 / voxel_volume_mm3(grid)))
    return _wall(cc3d.dust(coarse, threshold=least, connectivity=6) > 0, grid)


def _wall(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return voxel_to_world(voxels_of(mask & shell(~mask)), affine)


def _count(mask: np.ndarray) -> int:
    return int(cc3d.connected_components(mask, connectivity=26, return_N=True)[1])


def _parts_of(mask: np.ndarray, affine: np.ndarray, rule: TreeRule) -> _Parts:
    least = int(np.ceil(rule.speck_mm3 / voxel_volume_mm3(affine)))
    solid = cc3d.dust(fill_pits(mask), threshold=least, connectivity=26) > 0
    labels, count = cc3d.connected_components(solid, connectivity=26, return_N=True)
    skeleton = skeletonise(solid, affine, np.zeros_like(solid))
    prune(skeleton)
    voxels = voxels_of(solid)
    at = np.rint(world_to_voxel(skeleton.points, affine)).astype(int)
    points, of_voxels = voxel_to_world(voxels, affine), labels[tuple(voxels.T)]
    return _Parts(labels, skeleton, labels[tuple(at.T)], points, of_voxels, np.arange(count + 1))


def _join(
    parts: _Parts, affine: np.ndarray, rule: TreeRule, apart: set[int]
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
        gap = _empty_mm(parts.labels, affine, skeleton.points[tip], skeleton.points[others])
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
        voxels = _tube(parts.labels.shape, affine, start, end, min(wide, float(skeleton.radius[other])))
        bridges.append((int(part_of[tip]), voxels))
        joins.append({"gap_mm": round(gap, 2), "at_lps_mm": ras_to_lps((start + end) / 2).round(1).tolist()})
    return bridges, joins


def _empty_mm(labels: np.ndarray, affine: np.ndarray, start: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How much of the straight ways from a point to others (N, 3), RAS mm, lies outside of the mask, (N,)."""
    steps = np.linspace(0, 1, 64)[:, None, None]
    ways = world_to_voxel((start + steps * (ends - start)).reshape(-1, 3), affine)
    empty = labels[tuple(np.rint(ways).astype(int).T)] == 0
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


def _measure(parts: _Parts, chances: list[np.ndarray], affine: np.ndarray) -> dict[int, Part]:
    """Every group by its number, with the means of probabilities (X, Y, Z) of lumen and vein."""
    skeleton, size = parts.skeleton, len(parts.group)
    edges = np.array(skeleton.graph.edges, int).reshape(-1, 2)
    steps = np.linalg.norm(skeleton.points[edges[:, 0]] - skeleton.points[edges[:, 1]], axis=1)
    nodes, voxels = parts.group[parts.part_of], parts.group[parts.label_of]
    at = np.rint(world_to_voxel(skeleton.points, affine)).astype(int)
    length = np.bincount(nodes[edges[:, 0]], steps, size)
    count = np.maximum(np.bincount(nodes, minlength=size), 1)
    means = [np.bincount(nodes, chance[tuple(at.T)], size) / count for chance in chances]
    volume = np.bincount(voxels, minlength=size) * voxel_volume_mm3(affine)
    width = 2 * np.sqrt(volume / np.pi / np.maximum(length, voxel_size_mm(affine).max()))
    found = {}
    for number in map(int, np.unique(parts.group[1:])):
        place = ras_to_lps(parts.points_of(number).mean(axis=0)).round(1).tolist()
        values = (float(array[number]) for array in (length, volume, width, *means))
        found[number] = Part(*(round(value, 2) for value in values), place)
    return found


def _begins_at(parts: _Parts, number: int, pool: cKDTree, is_aorta: bool, rule: TreeRule) -> bool:
    """Whether a group touches the aorta, or its thickest end a pool."""
    points = parts.points_of(number)
    if not is_aorta:
        skeleton = parts.skeleton
        ends = [tip for tip in skeleton.tips() if parts.group[parts.part_of[tip]] == number]
        if not ends:
            return False
        thick = max(ends, key=lambda tip: end_radius(skeleton, tip))
        near = 2 * skeleton.radius[thick] + 1
        points = points[np.linalg.norm(points - skeleton.points[thick], axis=1) <= near]
    distance = pool.query(points, distance_upper_bound=rule.root_mm * (1 + 1e-9))[0]
    return bool(distance.min(initial=np.inf) <= rule.root_mm)


def _rooted(
    parts: _Parts, measured: dict[int, Part], pool: cKDTree | None, is_aorta: bool, rule: TreeRule
) -> list[int]:
    """The groups that begin at the aorta or a pool, the longest first."""
    longest = sorted(measured, key=lambda n: (-measured[n].length_mm, -measured[n].volume_mm3))
    found: list[int] = []
    for number in longest if pool is not None else ():
        if measured[number].length_mm < rule.least_root_mm or len(found) == rule.max_roots:
            break
        if _begins_at(parts, number, pool, is_aorta, rule):
            found.append(number)
            if is_aorta and len(found) == 1:
                pool = _around(pool, parts.points_of(number), rule)
    return found


def _backward(
    parts: _Parts,
    trees: list[int],
    pool: cKDTree,
    vein: np.ndarray,
    affine: np.ndarray,
    rule: TreeRule,
) -> tuple[np.ndarray, list[dict]]:
    """Voxels (X, Y, Z) of the trees' branches that leave backwards as veins do, and a record of each."""
    skeleton, gone = parts.skeleton, np.zeros(parts.labels.shape, bool)
    at = np.rint(world_to_voxel(skeleton.points, affine)).astype(int)
    at_vein = vein[tuple(at.T)]
    record = []
    for number in trees:
        nodes = np.flatnonzero(parts.part_of == number)
        root = int(nodes[np.argmin(pool.query(skeleton.points[nodes])[0])])
        branches = backward_branches(skeleton, root, at_vein, rule)
        if not branches:
            continue
        cut = np.zeros(len(skeleton.points), bool)
        cut[np.concatenate([branch.nodes for branch in branches])] = True
        own = parts.points[parts.label_of == number]
        nearest = nodes[cKDTree(skeleton.points[nodes]).query(own)[1]]
        voxels = np.rint(world_to_voxel(own[cut[nearest]], affine)).astype(int)
        gone[tuple(voxels.T)] = True
        record += [branch.record(skeleton) for branch in branches]
    return gone, record


def _brightness(
    parts: _Parts, image: tuple[np.ndarray, np.ndarray] | None, rule: TreeRule
) -> np.ndarray | None:
    """How bright the image is at every node of the skeleton, (K,), less fat; None without an image."""
    if image is None:
        return None
    volume, affine = image
    at = world_to_voxel(parts.skeleton.points, affine)
    return map_coordinates(np.asarray(volume, np.float32), at.T, order=1, mode="nearest") - rule.fat


def _around(pool: cKDTree, tree_mm: np.ndarray, rule: TreeRule) -> cKDTree:
    """The points of a pool within `aorta_mm` of where a tree (N, 3), RAS mm, touches it."""
    distance = pool.query(tree_mm)[0]
    begin = tree_mm[distance <= max(rule.root_mm, float(distance.min()))].mean(axis=0)
    return cKDTree(pool.data[pool.query_ball_point(begin, rule.aorta_mm)])


def _with_detached(
    parts: _Parts,
    measured: dict[int, Part],
    trees: list[int],
    pool: cKDTree | None,
    rule: TreeRule,
    brightness: np.ndarray | None,
) -> list[int]:
    """The trees, and the detached pieces that are no further than `far_mm` from what is kept already."""
    kept = list(trees)
    wanted = [n for n in measured if n not in kept and measured[n].is_vessel(rule)]
    if brightness is not None:
        of = parts.group[parts.part_of]
        least = rule.detached_brightness * float(np.mean(brightness[np.isin(of, trees)]))
        wanted = [n for n in wanted if np.median(brightness[of == n]) >= least]
    points = {n: parts.points_of(n)[::7] for n in (*kept, *wanted)}  # near enough to each other
    away = {n: np.inf if pool is None else float(pool.query(points[n])[0].min()) for n in wanted}
    new = kept
    while wanted:
        near = cKDTree(np.concatenate([points[n] for n in new]))
        away = {n: min(away[n], float(near.query(points[n])[0].min())) for n in wanted}
        nearest = min(wanted, key=lambda n: away[n])
        if away[nearest] > rule.far_mm:
            break
        new = [nearest]
        kept.append(nearest)
        wanted.remove(nearest)
    return kept
