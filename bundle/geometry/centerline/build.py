"""From a mask to its centreline tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyvista as pv
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_to_world, voxels_of
from bundle.common.polylines import arc_length, tangents
from bundle.common.time_limit import check_time
from bundle.geometry.core import Centerline, Segment, Tree, Vessels, sample_volume
from bundle.geometry.surface import level_set

from .chains import Chain, forest
from .gaps import bridge_gaps
from .image_joins import join_along_image
from .kissing import part_kissing, unparted
from .occupancy import radius_from_integral, wall_excess
from .refine import STEP_MM, attach, drop_beak, drop_start, in_lumen, join, reach_wall, recentre
from .sections import Lumen, cross_sections
from .skeleton import Skeleton, prune, skeletonise

__all__ = ["over_gaps", "vessel_tree"]

_LEAST_MM = 0.3  # radius from which a section is looked for
_SEEN_MM, _SEEN = 0.1, 0.15  # radius and probability in the middle of the least lumen that a map shows
_OWN_RADII = 5.0  # along a chain from its end, beyond which it counts as another vessel
_PARTINGS = 3  # rounds in which touching vessels are parted


@dataclass
class _Line(Centerline):
    """A refined chain, before it is cut where others begin on it."""

    whole: np.ndarray  # (N,) mm, radius by the integral of the probability; without one as `radius`
    centre: np.ndarray  # (N,) probability in the middle; without one 1
    start: int = 0  # index of the parent's point where it begins
    own: int = 0  # first point that lies outside the parent's lumen

    def without(self, first: int) -> _Line:
        """From the point `first` on."""
        names = ("points", "radius", "inscribed", "whole", "centre", "junction", "gap")
        return replace(self, **{name: getattr(self, name)[first:] for name in names})

    def longer(self, before: np.ndarray, after: np.ndarray) -> _Line:
        """With points (A, 3) and (B, 3) put on both ends; the radii go on as they were there."""
        pad = (len(before), len(after))
        radii = {n: np.pad(getattr(self, n), pad, "edge") for n in ("radius", "inscribed", "whole", "centre")}
        marks = {n: np.pad(getattr(self, n), pad) for n in ("junction", "gap")}
        return replace(self, points=np.concatenate([before, self.points, after]), **radii, **marks)


def _refine_chain(
    skeleton: Skeleton,
    chain: Chain,
    lines: list[_Line | None],
    lumen: Lumen,
    occupancy: Lumen | None,
    aorta: cKDTree | None,
    room: Callable[[np.ndarray], np.ndarray],
) -> _Line | None:
    points, expected = skeleton.points[chain.nodes], skeleton.radius[chain.nodes]
    parent = lines[chain.parent] if chain.parent >= 0 else None
    if chain.parent >= 0 and parent is None:
        return None
    if parent is not None:
        first = drop_start(points, 0.5 * expected, parent.points, parent.radius)
        points, expected = points[first:], expected[first:]
    if len(points) < 3:
        return None
    points, sections = recentre(lumen, points, expected)
    ends = []
    for side in (0, -1):
        outwards = tangents(points)[side] * (1 if side else -1)
        ostium = side == 0 and parent is None
        more = reach_wall(lumen, points[side], outwards, sections.radius[side], ostium)
        ends.append(_before_others(more, skeleton, chain, side, sections.radius[side]))
    if parent is not None:
        ends[0] = ends[0][:0]
    gap = ~in_lumen(lumen, points)
    radius = over_gaps(sections.radius, gap)
    whole, centre = radius, np.ones(len(radius))
    if occupancy is not None:
        whole = cross_sections(occupancy, points, tangents(points), np.maximum(radius, _LEAST_MM)).radius
        centre = sample_volume(occupancy.field, occupancy.affine, points)
    line = _Line(points, radius, radius, np.zeros_like(gap), gap, chain.parent, chain.tree, whole, centre)
    line = line.longer(ends[0][::-1], ends[1])
    if count := len(ends[0]):
        # An ostium is often cut flat: sections there are whole, unlike at a round tip.
        new, expected = line.points[:count], line.radius[:count].copy()
        across = np.repeat(tangents(line.points)[:1], count, axis=0)
        line.radius[:count] = cross_sections(lumen, new, across, expected).radius
        if occupancy is not None:
            line.whole[:count] = cross_sections(occupancy, new, across, expected).radius
    if parent is None:
        return line if aorta is None else line.without(drop_beak(line.points, line.radius, aorta))
    direction = line.points[min(6, len(line.points) - 1)] - line.points[0]
    direction = direction / max(np.linalg.norm(direction), 1e-9)
    own_mm = float(np.median(line.radius[:4]))
    line.start = attach(line.points[0], direction, own_mm, parent.points, parent.radius, room)
    bridge = join(line.points, parent.points[line.start])
    line.own = len(bridge)
    return line.longer(bridge, bridge[:0])


def _before_others(
    more: np.ndarray, skeleton: Skeleton, chain: Chain, side: int, radius_mm: float
) -> np.ndarray:
    """The points (N, 3) that lengthen a chain at one side, as far as no other vessel lies there.

    Where a loop was opened, that is the chain's own other end.
    """
    if len(more) == 0:
        return more
    own = skeleton.points[chain.nodes]
    along = arc_length(own if side == 0 else own[::-1])
    far = along > _OWN_RADII * radius_mm if side == 0 else (along > _OWN_RADII * radius_mm)[::-1]
    used = {n for n, degree in skeleton.graph.degree if degree} - set(chain.nodes)
    others = np.concatenate([own[far], skeleton.points[sorted(used)]])
    if len(others) == 0:
        return more
    met = np.flatnonzero(cKDTree(others).query(more)[0] < radius_mm)
    return more[: met[0]] if len(met) else more


def _measure_by_integral(lines: list[_Line]) -> None:
    """The lines' radius from the whole of the probability; where that shows a lumen there is no gap."""
    if not lines:
        return
    own = [~line.gap & (np.arange(len(line.gap)) >= line.own) for line in lines]
    pick = lambda name: np.concatenate([getattr(x, name)[free] for x, free in zip(lines, own)])  # noqa: E731
    excess = wall_excess(pick("radius"), pick("whole"), pick("centre"))
    for line in lines:
        radius = radius_from_integral(line.whole, line.centre, excess)
        seen = (radius > _SEEN_MM) & (line.centre > _SEEN)
        line.gap = line.gap & ~seen
        line.radius = np.where(seen, radius, line.radius)


def over_gaps(values: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """`values` (N,) with those in a gap (N,) interpolated from both sides."""
    if not gap.any() or gap.all():
        return values
    at = np.arange(len(values))
    return np.interp(at, at[~gap], values[~gap])


def _inscribed(lines: list[_Line], wall: pv.PolyData) -> list[np.ndarray]:
    """Distance of the lines' points to the wall, an array a line."""
    if not lines:
        return []
    probe = pv.PolyData(np.concatenate([line.points for line in lines])).compute_implicit_distance(wall)
    ends = np.cumsum([len(line.points) for line in lines])[:-1]
    return np.split(np.abs(np.asarray(probe.point_data["implicit_distance"])), ends)


def _segments(lines: list[_Line | None], wall: pv.PolyData) -> list[Segment]:
    """Lines cut where others begin on them, parents first."""
    segments: list[Segment] = []
    ball = iter(_inscribed([line for line in lines if line is not None], wall))
    last_of: dict[tuple[int, int], int] = {}  # (line, index of a cut) -> segment that ends there
    for number, line in enumerate(lines):
        if line is None:
            continue
        children = [c for c in lines if c is not None and c.parent == number]
        line.junction[: line.own] = True
        for child in children:
            at = np.linalg.norm(line.points - line.points[child.start], axis=1)
            reach = line.radius[child.start] + child.radius[min(child.own, len(child.radius) - 1)]
            line.junction |= at < reach
        if line.parent >= 0:
            parent = lines[line.parent]
            at = np.linalg.norm(line.points - parent.points[line.start], axis=1)
            line.junction |= at < parent.radius[line.start] + 0.5 * line.radius[line.own]
        line.inscribed = over_gaps(next(ball), line.gap)
        line.inscribed[: line.own] = line.radius[: line.own]
        before = last_of.get((line.parent, line.start), -1)
        last = len(line.points) - 1
        for a, b in pairwise([0, *sorted({c.start for c in children if 0 < c.start < last}), last]):
            segments.append(Segment(**line.arrays(slice(a, b + 1)), parent=before, tree=line.tree))
            before = last_of[number, b] = len(segments) - 1
    return segments


def vessel_tree(
    vessels: Vessels,
    wall: pv.PolyData,
    max_gap_mm: float = 8.0,
    ct: tuple[np.ndarray, np.ndarray] | None = None,
) -> Tree:
    """The centreline tree of `vessels`, directed from the ostia to the tips, without names.

    Skeleton, loops opened at their thinnest link, spurs pruned against the local radius, rooted at the
    thickest end, then refined in cross-sections (32 rays, three rounds) so that points and radius are
    sub-voxel.

    Args:
        wall: the surface of the vessels, RAS mm, for the inscribed radius.
        max_gap_mm: longest interruption over which two pieces of a vessel are joined, but for wide ones that
            point at each other (`bridge_gaps`); 0 joins none.
        ct: (A, B, C) HU on any grid and its (4, 4) affine; pieces are first joined along what it shows of a
            vessel between them (`join_along_image`).

    Returns:
        a `Tree` with segments and no branches; without segments where nothing is longer than 3 mm.

    Raises:
        OutOfTime: a `bundle.common.time_limit` around it is over.

    Example:
        >>> tree = vessel_tree(vessels, wall)
        >>> len(tree.segments), round(tree.segments[0].length_mm)
        (1, 4...)
    """
    skeleton, vessels, touching = _parted_skeleton(vessels)
    if max_gap_mm > 0:
        if ct is not None:
            join_along_image(skeleton, *ct)
        bridge_gaps(skeleton, max_gap_mm)
    soft = vessels.probability is None
    field = vessels.mask if soft else level_set(vessels.mask, vessels.probability, vessels.level)
    lumen = Lumen(np.asarray(field, np.float32), vessels.affine, soft)
    occupancy = None if soft else Lumen(np.asarray(vessels.probability, np.float32), vessels.affine, True)
    lines: list[_Line | None] = []
    walls = cKDTree(np.asarray(wall.points))

    def room(points: np.ndarray) -> np.ndarray:
        return np.where(in_lumen(lumen, points), walls.query(points)[0], 0.0)

    inside = voxel_to_world(voxels_of(vessels.mask), vessels.affine)
    aorta = None if vessels.aorta_wall is None else cKDTree(vessels.aorta_wall)
    for chain in forest(skeleton, inside, vessels.aorta_wall):
        check_time()
        lines.append(_refine_chain(skeleton, chain, lines, lumen, occupancy, aorta, room))
    if occupancy is not None:
        _measure_by_integral([line for line in lines if line is not None])
    return Tree(_segments(_without_twins(lines), wall), warnings=touching)


def _parted_skeleton(vessels: Vessels) -> tuple[Skeleton, Vessels, list[str]]:
    """The pruned skeleton, the vessels with walls between those that touch, and warnings about them."""
    warnings, whole, known = [], vessels.mask, {}
    for parting in range(_PARTINGS):
        check_time()
        walls = whole & ~vessels.mask if parting else None
        skeleton = skeletonise(vessels.mask, vessels.affine, walls, known)
        prune(skeleton)
        parted, found = part_kissing(skeleton, vessels.mask, vessels.affine)
        if not found:
            break
        warnings += [f"two vessels touch over {length:.0f} mm and were parted there" for length in found]
        vessels = replace(vessels, mask=parted)
    for length in unparted(skeleton, vessels.mask, vessels.affine):
        warnings.append(
            f"two vessels may run side by side as one over {length:.0f} mm: look at the surface there"
        )
    return skeleton, vessels, warnings


def _without_twins(lines: list[_Line | None]) -> list[_Line | None]:
    """Side branches whose refined line fell back on to a line kept before are not vessels of their own."""
    kept: list[_Line | None] = []
    for line in lines:
        if line is not None and line.parent >= 0:
            others = np.concatenate([k.points for k in kept if k is not None])
            own = line.points[line.own :]
            lonely = len(own) and (cKDTree(others).query(own)[0] > STEP_MM).mean() > 0.5
            if kept[line.parent] is None or not lonely:
                line = None
        kept.append(line)
    return kept
