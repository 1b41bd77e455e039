"""Thin layers of elements along the wall, for a flow solver that is to resolve the shear there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from .crossing import crossing_faces
from .ends import WALL

__all__ = ["GROWTH", "SHARE", "Layers", "NoLayers", "grow_layers"]

SHARE = 0.25
"""Of the local radius: thickness of all layers together."""

GROWTH = 1.3
"""Thickness of a layer over that of the one before it, from the wall inwards."""

_LEAST = 0.2  # volume of an element over that in an even layer of its thickness
_THINNED = 0.7  # at places where the layers do not fit
_LEAST_SHARE = 0.1  # of the thickness that was asked for, below which there are none
_MOST_BARE = 0.01  # of the wall's vertices, where there are none
_ROUNDS = 25
_ROUNDING_MM3 = 1e-12
_TURNS, _SEEN = 40, 0.5  # of normals, and the cosine of their angle to a triangle's that will do
_WIDEST_MM = 25.0  # radius of a vessel


class NoLayers(ValueError):
    """Why layers do not fit into a lumen, in one sentence."""


@dataclass(frozen=True)
class Layers:
    """Tetrahedra between the wall and a surface inside it that has the same triangles.

    `points`: (P, 3) mm; the first N are the vertices of the inner surface, the others stand on the wall and
    between. `tetrahedra`: (K, 4). `layer`: (K,) which layer each is of, 1 at the wall. `faces`: (M, 3) the
    whole outer surface, ends included, and `patch`: (M,) its labels. `thickness_mm`: (W,) of all layers
    at the vertices of the wall, 0 where there are none. `thinned`: (W,) where thinner than asked for.
    """

    points: np.ndarray
    tetrahedra: np.ndarray
    layer: np.ndarray
    faces: np.ndarray
    patch: np.ndarray
    thickness_mm: np.ndarray
    thinned: np.ndarray


def grow_layers(
    points: np.ndarray,
    faces: np.ndarray,
    patch: np.ndarray,
    count: int,
    share: float = SHARE,
    growth: float = GROWTH,
) -> Layers:
    """Grow layers from the wall inwards.

    Each vertex of the wall moves along its normal by `share` of the radius of the ball that touches the
    wall there and fits in the lumen, but no layer is thicker than the wall's edges are long; vertices of a
    rim stay in the plane of their end. Where that turns an element inside out or makes the inner surface cut
    through itself, the layers become thinner, and at up to a hundredth of the wall they end. Each prism
    between two layers is split into three tetrahedra, all by the order of their vertices' numbers, so that
    neighbours agree (Dompierre et al., 8th Int. Meshing Roundtable 1999).

    Args:
        points: (N, 3) mm. faces: (M, 3) closed, wound outwards. patch: (M,) labels, `WALL` or an end's.

    Raises:
        NoLayers: they do not fit at more of the wall, even when they are thin.
    """
    faces = np.asarray(faces, np.int64)
    wall = faces[patch == WALL]
    on_wall = np.unique(wall)
    near = _neighbours(len(points), wall)
    normal = _normals(points, faces, patch, near)
    radius = _radius(points, normal, on_wall, near)
    height = np.concatenate([[0.0], np.cumsum(growth ** np.arange(count))])
    height /= height[-1]
    edge = np.linalg.norm(points[wall] - points[np.roll(wall, 1, axis=1)], axis=2).mean()
    asked = np.minimum(share * radius, edge / (height[-1] - height[-2]))
    scale, lonely = np.ones(len(points)), near.sum(axis=1) == 0
    for _ in range(_ROUNDS):
        inner = _inner(points, faces, patch, normal, asked * scale)
        bad = _misfits(points, inner, faces, patch, height)
        if len(bad) == 0:
            break
        hit = np.zeros(len(points))
        hit[faces[bad]] = 1.0
        hit[faces[np.isin(patch, np.setdiff1d(patch[bad], WALL))]] = 1.0  # an end follows its whole rim
        scale[(near @ hit + hit) > 0] *= _THINNED
        for _ in range(3):  # no steps in the thickness
            scale = np.minimum(scale, near @ scale + lonely)
        scale[(scale < _LEAST_SHARE) & (lonely == 0)] = 0.0
        bare = float((scale[on_wall] == 0).mean())
        if bare > _MOST_BARE:
            raise NoLayers(
                f"they do not fit at {100 * bare:.1f} % of the wall, too thin or too rough for them"
            )
    else:
        raise NoLayers("the layers would cut through each other at some place")
    return _between(
        points, inner, faces, patch, on_wall, height, (asked * scale)[on_wall], scale[on_wall] < 0.99
    )


def _neighbours(count: int, faces: np.ndarray) -> csr_array:
    """Matrix (N, N) that takes the mean over the neighbours of each vertex; rows of others are empty."""
    start, end = faces[:, [0, 1, 1, 2, 2, 0]].T.ravel(), faces[:, [1, 0, 2, 1, 0, 2]].T.ravel()
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(count, count)).tocsr()
    graph.data[:] = 1.0
    total = np.asarray(graph.sum(axis=1)).ravel()
    return csr_array(graph.multiply(1.0 / np.maximum(total, 1.0)[:, None]))


def _normals(points: np.ndarray, faces: np.ndarray, patch: np.ndarray, near: csr_array) -> np.ndarray:
    """Outward unit normals of the wall's vertices, (N, 3), those of a rim in the plane of their end."""
    across = np.cross(points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]])

    def summed(own):
        corners = faces[own].ravel()
        return np.stack([np.bincount(corners, np.repeat(a, 3), len(points)) for a in across[own].T], axis=1)

    rims = []
    for label in np.unique(patch[patch != WALL]):
        out = across[patch == label].sum(axis=0)
        rim = np.intersect1d(faces[patch == label], faces[patch == WALL])
        rims.append((rim, out / np.linalg.norm(out)))

    def in_planes(normal):
        for rim, out in rims:
            normal[rim] -= np.outer(normal[rim] @ out, out)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        return normal / np.where(length > 0, length, 1.0)

    normal = in_planes(summed(patch == WALL))
    for _ in range(3):
        normal = in_planes(normal + near @ normal)
    return _seen(normal, faces[patch == WALL], across[patch == WALL], in_planes)


def _seen(normal: np.ndarray, wall: np.ndarray, across: np.ndarray, in_planes) -> np.ndarray:
    """The normals, turned where they are nearly along or behind a triangle of their vertex: towards the one
    that they see least, again and again."""
    across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    order = np.argsort(wall.ravel(), kind="stable")
    vertex, face = wall.ravel()[order], np.repeat(np.arange(len(wall)), 3)[order]
    first = np.flatnonzero(np.diff(vertex, prepend=-1))
    own = vertex[first]
    best, least = normal.copy(), np.full(len(normal), np.inf)
    for number in range(_TURNS):
        seen = np.einsum("ij,ij->i", normal[vertex], across[face])
        lowest = np.minimum.reduceat(seen, first)
        if number == 0:
            least[own] = lowest
        better = own[lowest > least[own]]
        best[better], least[own] = normal[better], np.maximum(lowest, least[own])
        hidden = own[lowest < _SEEN]
        if len(hidden) == 0:
            break
        ranked = np.lexsort((seen, vertex))[first]  # the least of each vertex
        worst = np.zeros_like(normal)
        worst[own] = across[face[ranked]]
        turned = normal.copy()
        turned[hidden] += 0.3 * worst[hidden]
        normal = in_planes(turned)
    return best


def _radius(points: np.ndarray, normal: np.ndarray, on_wall: np.ndarray, near: csr_array) -> np.ndarray:
    """Radius, mm, of the largest ball inside that touches the wall at its vertices; (N,), 0 elsewhere.

    By shrinking it until it holds no vertex of the wall across from it (Ma, Bae and Choi, Visual Computer
    2012). Across: those beside it would make the ball small where the wall is rough.
    """
    own, out = points[on_wall], normal[on_wall]
    ways = np.array(list(product((-1.0, 0.0, 1.0), repeat=3)))
    ways = ways[np.isin(np.abs(ways).sum(axis=1), (1, 3))]
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    facing = np.argmax(out @ ways.T, axis=1)
    ball = np.full(len(own), min(_WIDEST_MM, float(np.linalg.norm(np.ptp(own, axis=0)))))
    for number, way in enumerate(ways):
        across = out @ way < 0
        if across.any():
            _shrink(ball, own, out, np.flatnonzero(facing == number), own[across])
    radius = np.zeros(len(points))
    radius[on_wall] = ball
    for _ in range(5):
        radius = 0.5 * (radius + near @ radius)
    return radius


def _shrink(
    ball: np.ndarray, own: np.ndarray, out: np.ndarray, going: np.ndarray, across: np.ndarray
) -> None:
    """Make the balls (W,) at `own` with the numbers `going` small enough to hold none of `across` (A, 3)."""
    tree = cKDTree(across)
    while len(going):
        away, touched = tree.query(own[going] - ball[going, None] * out[going])
        way = own[going] - across[touched]
        along = np.einsum("ij,ij->i", way, out[going])
        smaller = (away < 0.999 * ball[going]) & (along > 0)
        going = going[smaller]
        ball[going] = (way[smaller] ** 2).sum(axis=1) / (2 * along[smaller])


def _inner(points, faces, patch, normal, thickness) -> np.ndarray:
    """The surface (N, 3) inside the layers: ends follow their rims, as a membrane would."""
    moved = -thickness[:, None] * normal
    on_wall = np.zeros(len(points), bool)
    on_wall[faces[patch == WALL]] = True
    free = np.setdiff1d(faces, np.flatnonzero(on_wall))
    if len(free):
        near = _neighbours(len(points), faces[patch != WALL])
        own = near[free]
        moved[free] = spsolve((eye_array(len(free)) - own[:, free]).tocsc(), own[:, on_wall] @ moved[on_wall])
    return points + moved


def _split(ring: np.ndarray, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Tetrahedra (3, F, 4) of the prisms on triangles (F, 3), whose vertices have the numbers `below` and
    `above` in either layer."""
    a, b, c = np.sort(ring, axis=1).T
    corners = (
        (below[a], below[b], below[c], above[c]),
        (below[a], below[b], above[c], above[b]),
        (below[a], above[a], above[b], above[c]),
    )
    return np.stack([np.stack(four, axis=1) for four in corners])


def _signed(points: np.ndarray, tetrahedra: np.ndarray) -> np.ndarray:
    a, b, c, d = (points[tetrahedra[..., i]] for i in range(4))
    return np.einsum("...i,...i->...", np.cross(b - a, c - a), d - a) / 6.0


def _misfits(points, inner, faces, patch, height) -> np.ndarray:
    """Numbers of the faces on which the layers do not fit."""
    wall = np.flatnonzero(patch == WALL)
    ring, size = faces[wall], len(points)
    corner = points[ring]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 2
    thick = np.linalg.norm(points - inner, axis=1)[np.sort(ring, axis=1)].T[::-1]  # as in `_split`
    # Sorting turns a triangle over where its order is odd: its prisms then count as negative.
    order = np.argsort(ring, axis=1)
    odd = (order == [1, 0, 2]).all(1) | (order == [0, 2, 1]).all(1) | (order == [2, 1, 0]).all(1)
    sign = np.where(odd, 1.0, -1.0)  # inwards is against the outward winding
    bad = np.zeros(len(faces), bool)
    number = np.arange(size)
    for low, high in pairwise(height):
        both = np.concatenate([points + h * (inner - points) for h in (low, high)])
        volume = sign * _signed(both, _split(ring, number, number + size))
        bad[wall] |= (volume < _LEAST * area * thick * (high - low) / 3 - _ROUNDING_MM3).any(axis=0)
    ends = np.flatnonzero(patch != WALL)
    before, after = (np.cross(p[faces[ends, 1]] - p[faces[ends, 0]], p[faces[ends, 2]] - p[faces[ends, 0]])
                     for p in (points, inner))  # fmt: skip
    bad[ends] = np.einsum("ij,ij->i", before, after) < 0.05 * (before**2).sum(axis=1)
    if not bad.any():
        bad[crossing_faces(inner, faces, np.arange(len(faces)))] = True
    return np.flatnonzero(bad)


def _between(points, inner, faces, patch, on_wall, height, thickness, thinned) -> Layers:
    """The elements between wall and inner surface, and the surface around both."""
    count, size = len(height) - 1, len(points)
    there = on_wall[thickness > 0]
    rows = np.full((count + 1, size), -1)  # vertex numbers of each level, from the wall inwards
    rows[count] = np.arange(size)
    levels = [inner]
    for level in range(count):
        rows[level] = rows[count]
        rows[level, there] = size + level * len(there) + np.arange(len(there))
        levels.append((points + height[level] * (inner - points))[there])
    whole = np.concatenate(levels)
    ring = faces[patch == WALL]
    parts = [_split(ring, rows[n], rows[n + 1]).reshape(-1, 4) for n in range(count)]
    parts = [part[(np.diff(np.sort(part, axis=1), axis=1) > 0).all(axis=1)] for part in parts]
    tetrahedra = np.concatenate(parts)
    inverted = _signed(whole, tetrahedra) < 0
    tetrahedra[inverted] = tetrahedra[inverted][:, [1, 0, 2, 3]]
    sides, labels = [rows[0][ring], faces[patch != WALL]], [np.full(len(ring), WALL), patch[patch != WALL]]
    # The sides of the prisms at a rim belong to the end.
    for label in np.unique(patch[patch != WALL]):
        own = faces[patch == label]
        edges = own[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        backwards = {(b, a) for a, b in edges.tolist()}
        for a, b in (edge for edge in edges.tolist() if tuple(edge) not in backwards):
            for low, high in pairwise(rows):
                # The end's triangle on its inner side runs from a to b; this one's diagonal is the prism's.
                if a < b:
                    new = [[high[b], high[a], low[a]], [high[b], low[a], low[b]]]
                else:
                    new = [[high[a], low[b], high[b]], [high[a], low[a], low[b]]]
                new = [side for side in new if len(set(side)) == 3]
                sides.append(np.asarray(new, np.int64).reshape(-1, 3))
                labels.append(np.full(len(new), label))
    layer = np.repeat(np.arange(1, count + 1), [len(part) for part in parts])
    return Layers(whole, tetrahedra, layer, np.concatenate(sides), np.concatenate(labels), thickness, thinned)
