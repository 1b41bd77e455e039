"""Which parts of a mask are coronary trees: what hangs together with the aorta, or is surely a vessel."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_volume_mm3, voxels_of
from bundle.common.crop import Region, region_of
from bundle.common.parts import number_parts
from bundle.geometry.core import sample_volume

from .backwards import backward_branches
from .chains import end_radius
from .tree_joins import join_parts
from .tree_parts import Parts, measure_parts, parts_of
from .tree_rule import Part, TreeRule
from .tree_ways import join_along_probability

__all__ = ["keep_trees"]


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
    2. Of what begins at the aorta, a branch that leaves its parent backwards and has the look of a vein goes,
       with all that hangs on it: arteries part onwards, a vein that touches one runs as it pleases.
    3. Where an end of a part and an end of another one face each other over at most ``max_gap_mm``, or an end
       points at another's side, the gap is bridged, the shortest first; two that begin at the aorta never.
    4. Up to ``max_roots`` parts, the longest, that begin at the aorta are trees, the others no further than
       ``aorta_mm`` from where the longest does. Without a segmented aorta it is the thickest end that has to
       lie at a pool, for vessels run along chambers too.
    5. Others stay as detached pieces if they are surely vessels, about as bright as the trees, and no further
       than ``far_mm`` from the aorta or from what is kept, nearest first. If nothing has a root, the longest
       part stands in for one.
    6. A detached piece is joined to another or to a tree where a way leads there (`join_along_probability`).

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
        ``backward`` (gone by step 2: ``length_mm``, ``vein``, ``at_lps_mm``), ``joins`` (``gap_mm``,
        ``at_lps_mm``; of step 6 also ``probability``), ``has_root`` (whether step 4 found one), ``trees``,
        ``detached`` (both as `Part`, these without what step 6 joined to a tree), ``parts_after``,
        ``dropped_mm3``.
    """
    # Thinning and ties depend on the order of the axes: the same ones for every scan.
    axes = io_orientation(affine)
    shape, affine = mask.shape, affine @ inv_ornt_aff(axes, mask.shape)
    mask = apply_orientation(mask, axes)
    record = {"vein_mm3": 0.0, "parts_before": 0, "backward": [], "joins": [], "has_root": False, "trees": [],
              "detached": [], "parts_after": 0, "dropped_mm3": 0.0}  # fmt: skip
    region = region_of(mask, margin=2)
    if region is None:
        return np.zeros(shape, bool), record
    own, grid = region.take(mask) > 0, region.affine(affine)
    maps = [None if chance is None else apply_orientation(chance, axes) for chance in (probability, vein)]

    def chances(voxels: np.ndarray) -> list[np.ndarray]:
        """Lumen and vein at voxels (N, 3) of the region, (N,) each."""
        at = tuple((voxels + region.low).T)
        return [np.zeros(len(voxels), np.float32) if m is None else m[at] for m in maps]

    def boxes(box: Region) -> list[np.ndarray]:
        """Lumen and vein in a box of the region."""
        box = Region(tuple(np.add(box.low, region.low)), box.shape)
        return [np.zeros(box.shape, np.float32) if m is None else box.take(m) for m in maps]

    voxels = voxels_of(own)
    lumen, veins = chances(voxels)
    is_vein = veins - lumen > rule.vein_margin
    own[tuple(voxels[is_vein].T)] = False
    record["vein_mm3"] = round(np.count_nonzero(is_vein) * voxel_volume_mm3(affine), 1)
    if is_vein.all():
        return np.zeros(shape, bool), record
    known: dict[bytes, np.ndarray] = {}
    parts = parts_of(own, grid, rule, known)
    at_nodes = chances(parts.nodes_at)
    pool = None if pool_mm is None or len(pool_mm) == 0 else cKDTree(pool_mm)
    rooted = _rooted(parts, measure_parts(parts, at_nodes, grid), pool, is_aorta, rule)
    if rooted and is_aorta:
        at_vein, record["backward"] = _backward(parts, rooted, pool, at_nodes[1], rule)
        if record["backward"]:
            own[tuple(at_vein.T)] = False
            parts = parts_of(own, grid, rule, known)
            at_nodes = chances(parts.nodes_at)
            rooted = _rooted(parts, measure_parts(parts, at_nodes, grid), pool, is_aorta, rule)
    apart = set(rooted)
    bridges, record["joins"] = join_parts(parts, grid, rule, apart)
    measured = measure_parts(parts, at_nodes, grid)
    trees = _rooted(parts, measured, pool, is_aorta, rule)
    record["has_root"] = bool(trees)
    if not trees:
        trees = sorted(measured, key=lambda n: -measured[n].length_mm)[:1]
    elif is_aorta:
        pool = _around(pool, parts.points_of(trees[0]), rule)
    kept = _with_detached(parts, measured, trees, pool, rule, _brightness(parts, image, rule))
    wanted = np.isin(parts.group, kept)
    wanted[0] = False
    result, stays = np.zeros_like(own), tuple(parts.voxels[wanted[parts.label_of]].T)
    result[stays] = own[stays]  # not where a pit was filled
    lost = np.count_nonzero(own) - np.count_nonzero(result)
    for number, bridge in bridges:
        if wanted[number]:
            result[tuple(bridge.T)] = True
    way, joins, detached = join_along_probability(
        parts, boxes, grid, rule, trees, [n for n in kept if n not in trees]
    )
    result[tuple(way.T)] = True
    record["joins"] += joins
    record |= {
        "parts_before": _count(own),
        "trees": [asdict(measured[n]) for n in trees],
        "detached": [asdict(measured[n]) for n in detached],
        "parts_after": _count(result),
        "dropped_mm3": round(lost * voxel_volume_mm3(affine), 1),
    }
    whole = np.zeros(shape, bool)
    region.put_into(apply_orientation(whole, axes), result)
    return whole, record


def _count(mask: np.ndarray) -> int:
    return int(number_parts(voxels_of(mask)).max(initial=0))


def _begins_at(parts: Parts, number: int, pool: cKDTree, is_aorta: bool, rule: TreeRule) -> bool:
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
    return bool(_touches(pool, points, rule).any())


def _touches(pool: cKDTree, points: np.ndarray, rule: TreeRule) -> np.ndarray:
    """Whether points (N, 3), RAS mm, lie within `root_mm` of a pool, (N,) bool."""
    # With a bound, as most points lie far off: without one this takes half a second.
    return pool.query(points, distance_upper_bound=rule.root_mm * (1 + 1e-9))[0] <= rule.root_mm


def _rooted(
    parts: Parts, measured: dict[int, Part], pool: cKDTree | None, is_aorta: bool, rule: TreeRule
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
    parts: Parts,
    trees: list[int],
    pool: cKDTree,
    vein: np.ndarray,
    rule: TreeRule,
) -> tuple[np.ndarray, list[dict]]:
    """Voxels (N, 3) of the trees' branches that leave backwards as veins do, and a record of each.

    Args:
        vein: (K,) probability of cardiac vein at the nodes.
    """
    skeleton, gone, record = parts.skeleton, [np.zeros((0, 3), int)], []
    for number in trees:
        nodes = np.flatnonzero(parts.part_of == number)
        root = int(nodes[np.argmin(pool.query(skeleton.points[nodes])[0])])
        branches = backward_branches(skeleton, root, vein, rule)
        if not branches:
            continue
        cut = np.zeros(len(skeleton.points), bool)
        cut[np.concatenate([branch.nodes for branch in branches])] = True
        own = parts.label_of == number
        nearest = nodes[cKDTree(skeleton.points[nodes]).query(parts.points[own])[1]]
        gone.append(parts.voxels[own][cut[nearest]])
        record += [branch.record(skeleton) for branch in branches]
    return np.concatenate(gone), record


def _brightness(
    parts: Parts, image: tuple[np.ndarray, np.ndarray] | None, rule: TreeRule
) -> np.ndarray | None:
    """How bright the image is at every node of the skeleton, (K,), less fat; None without an image."""
    if image is None:
        return None
    return sample_volume(*image, parts.skeleton.points) - rule.fat


def _around(pool: cKDTree, tree_mm: np.ndarray, rule: TreeRule) -> cKDTree:
    """The points of a pool within `aorta_mm` of where a tree (N, 3), RAS mm, touches it."""
    begin = tree_mm[_touches(pool, tree_mm, rule)].mean(axis=0)
    return cKDTree(pool.data[pool.query_ball_point(begin, rule.aorta_mm)])


def _with_detached(
    parts: Parts,
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
