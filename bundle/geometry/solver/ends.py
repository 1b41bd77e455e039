"""A closed vessel wall cut open square to its axis, capped flat, and lengthened for a flow solver."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

__all__ = ["WALL", "NoEnd", "Plane", "cap", "cut_end", "extend", "rim_of"]

WALL = 0


@dataclass(frozen=True)
class Plane:
    """Where a vessel is cut: a point on its axis (3,), the unit direction out of it (3,), its radius."""

    center: np.ndarray
    outwards: np.ndarray
    radius_mm: float


class NoEnd(ValueError):
    """The vessel does not end where the plane lies."""


def _beyond(points: np.ndarray, faces: np.ndarray, plane: Plane, reach_mm: float) -> np.ndarray:
    """Vertices of the vessel's end beyond the plane, (N,) bool: one patch, within `reach_mm` of it."""
    away = points - plane.center
    out = (np.linalg.norm(away, axis=1) < reach_mm) & (away @ plane.outwards > 0)
    radial = np.linalg.norm(away - np.outer(away @ plane.outwards, plane.outwards), axis=1)
    candidates = np.flatnonzero(out & (radial < 1.5 * plane.radius_mm))
    if len(candidates) == 0:
        raise NoEnd("there is no wall beyond the plane")
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    edges = edges[out[edges].all(axis=1)]
    graph = coo_matrix((np.ones(len(edges), np.int8), edges.T), shape=(len(points), len(points)))
    part = connected_components(graph, directed=False)[1]
    result = part == part[candidates[np.argmin(radial[candidates])]]
    if np.linalg.norm(away[result], axis=1).max() > 0.95 * reach_mm:
        raise NoEnd("the vessel goes on beyond the plane")
    return result


def _snap(points: np.ndarray, faces: np.ndarray, height: np.ndarray, beyond: np.ndarray) -> None:
    """Lay vertices that nearly touch the plane on it (height 0), so that the cut leaves no slivers."""
    rim = faces[beyond[faces].any(axis=1) & ~beyond[faces].all(axis=1)]
    if len(rim) == 0:
        raise NoEnd("all of the piece lies beyond the plane")
    edge = float(np.median(np.linalg.norm(points[rim[:, 0]] - points[rim[:, 1]], axis=1)))
    close = np.unique(rim)
    height[close[np.abs(height[close]) < 0.12 * edge]] = 0.0


def cut_end(
    points: np.ndarray, faces: np.ndarray, patch: np.ndarray, plane: Plane
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take the vessel's end beyond `plane` off.

    Returns:
        points (N, 3), faces (M, 3), patch (M,) of the open mesh, and its rim as vertex indices in the order
        in which a cap has to run.

    Raises:
        NoEnd: no end lies there, or the cut is not one simple ring.
    """
    reach = 4.0 * plane.radius_mm + 1.5
    beyond = _beyond(points, faces, plane, reach)
    points = points.copy()
    height = np.where(beyond, 1.0, -1.0) * np.abs((points - plane.center) @ plane.outwards)
    height[beyond & (height <= 0)] = 1e-9
    _snap(points, faces, height, beyond)
    flat = (height == 0) & (np.linalg.norm(points - plane.center, axis=1) < reach)
    points[flat] -= np.outer((points[flat] - plane.center) @ plane.outwards, plane.outwards)
    crossing = (height[faces] > 0).any(axis=1)
    extra: list[np.ndarray] = []
    made: dict[tuple[int, int], int] = {}

    def between(a: int, b: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in made:
            fraction = height[a] / (height[a] - height[b])
            made[key] = len(points) + len(extra)
            extra.append(points[a] + fraction * (points[b] - points[a]))
        return made[key]

    kept, kept_patch = [], []
    for face, label in zip(faces[crossing].tolist(), patch[crossing].tolist()):
        polygon: list[int] = []
        for a, b in zip(face, face[1:] + face[:1]):
            if height[a] <= 0:
                polygon.append(a)
            if height[a] * height[b] < 0:
                polygon.append(between(a, b))
        if len(polygon) < 3 or all(v >= len(points) or height[v] == 0 for v in polygon):
            continue
        for second, third in pairwise(polygon[1:]):
            kept.append([polygon[0], second, third])
            kept_patch.append(label)
    faces = np.concatenate([faces[~crossing], np.asarray(kept, np.int64).reshape(-1, 3)])
    patch = np.concatenate([patch[~crossing], np.asarray(kept_patch, patch.dtype)])
    points = np.concatenate([points, np.asarray(extra).reshape(-1, 3)])
    return points, faces, patch, rim_of(faces)


def rim_of(faces: np.ndarray) -> np.ndarray:
    """The open rim of a mesh with one hole, as vertex indices in the order in which a cap has to run.

    Raises:
        NoEnd: there is no hole, or more than one.
    """
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    size = int(faces.max()) + 1
    open_ = np.setdiff1d(start * size + end, end * size + start, assume_unique=True)
    onward = dict(zip((open_ % size).tolist(), (open_ // size).tolist()))
    if not onward:
        raise NoEnd("the cut left no rim")
    ring = [next(iter(onward))]
    while onward[ring[-1]] != ring[0]:
        ring.append(onward[ring[-1]])
        if len(ring) > len(onward) or ring[-1] not in onward:
            raise NoEnd("the cut is not one ring")
    if len(ring) != len(onward):
        raise NoEnd("the cut is more than one ring")
    return np.asarray(ring)


def extend(
    points: np.ndarray, faces: np.ndarray, patch: np.ndarray, rim: np.ndarray, plane: Plane, length_mm: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A straight tube of `length_mm` on the rim that turns round over its first diameter.

    Rings are as far apart as the rim's points. Returns as `cut_end`, with the new rim.
    """
    ring = points[rim]
    center = ring.mean(axis=0)
    spokes = ring - center
    spokes -= np.outer(spokes @ plane.outwards, plane.outwards)
    radius = np.linalg.norm(spokes, axis=1)
    round_radius = np.sqrt((radius**2).mean())
    step = float(np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1).mean())
    count = max(2, round(length_mm / step))
    rings, new_faces, last = [], [], rim
    for number in range(1, count + 1):
        along = length_mm * number / count
        blend = min(1.0, along / (2 * round_radius))
        wanted = (1 - blend) * radius + blend * round_radius
        rings.append(center + along * plane.outwards + spokes * (wanted / radius)[:, None])
        here = len(points) + (number - 1) * len(rim) + np.arange(len(rim))
        ahead_last, ahead_here = np.roll(last, -1), np.roll(here, -1)
        new_faces += [np.stack([last, ahead_last, here], axis=1)]
        new_faces += [np.stack([ahead_last, ahead_here, here], axis=1)]
        last = here
    points = np.concatenate([points, *rings])
    added = np.concatenate(new_faces)
    return points, np.concatenate([faces, added]), np.concatenate([patch, np.full(len(added), WALL)]), last


def cap(
    points: np.ndarray, faces: np.ndarray, patch: np.ndarray, rim: np.ndarray, label: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Close a flat rim by rings of triangles about its middle, labelled `label`."""
    center = points[rim].mean(axis=0)
    step = float(np.linalg.norm(points[rim] - np.roll(points[rim], 1, axis=0), axis=1).mean())
    rings = max(1, round(float(np.linalg.norm(points[rim] - center, axis=1).mean()) / step))
    added, extra, outer = [], [], rim
    for number in range(1, rings):
        scale = 1 - number / rings
        inner = len(points) + sum(len(e) for e in extra) + np.arange(max(3, round(len(rim) * scale)))
        where = np.arange(len(inner)) / len(inner) * len(rim)
        low = np.floor(where).astype(int) % len(rim)
        part = (where - np.floor(where))[:, None]
        on_rim = points[rim[low]] * (1 - part) + points[rim[(low + 1) % len(rim)]] * part
        extra.append(center + scale * (on_rim - center))
        added.append(_band(outer, inner))
        outer = inner
    middle = len(points) + sum(len(e) for e in extra)
    extra.append(center[None])
    added.append(np.stack([outer, np.roll(outer, -1), np.full(len(outer), middle)], axis=1))
    new = np.concatenate(added)
    return (
        np.concatenate([points, *extra]),
        np.concatenate([faces, new]),
        np.concatenate([patch, np.full(len(new), label)]),
    )


def _band(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Triangles between two rings that begin at the same angle."""
    a = b = 0
    found = []
    while a < len(outer) or b < len(inner):
        if b == len(inner) or (a < len(outer) and (a + 1) / len(outer) <= (b + 1) / len(inner)):
            found.append([outer[a], outer[(a + 1) % len(outer)], inner[b % len(inner)]])
            a += 1
        else:
            found.append([outer[a % len(outer)], inner[(b + 1) % len(inner)], inner[b]])
            b += 1
    return np.asarray(found)
