"""The pieces of vessels that a crop can see, and in which of its cubes."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bundle.phantom.core import Grid

from .patient import GROUPS, Patient

TILE = 8
"""Edge (voxels) of the cubes in which vessels are rendered."""

THINNEST = 0.4
"""Radius (mm) under which no factor makes a vessel: nobody sees it, so nobody labels it."""


def widened(patient: Patient, factors: dict[str, float]) -> np.ndarray:
    """Centres and radii (N, 4) of the patient's tube nodes with wider vessels.

    A coronary grows about its middle, the wall's, with all that lies in it: a lumen beside the middle and
    calcium in the wall move outwards by the same factor, so that calcium never comes to lie in the lumen.
    A stent's wires move and stay as thick as they are.

    Args:
        factors: of "coronary" (lumen, wall, calcium and stents) and "vein"; one that is missing is 1.
    """
    nodes = patient.nodes[:, :4].astype(float)
    of = {name: patient.tube_nodes(name) for name in GROUPS}
    coronary = factors.get("coronary", 1.0)
    for tubes, factor in (
        (of["wall"] | of["lumen"] | of["calcium"], coronary),
        (of["vein"], factors.get("vein", 1.0)),
    ):
        radius = nodes[tubes, 3]
        nodes[tubes, 3] = np.maximum(radius * factor, np.minimum(radius, THINNEST))
    inner = of["lumen"] | of["calcium"] | of["metal"]
    if coronary != 1 and inner.any() and of["wall"].any():
        middle = nodes[of["wall"], :3]
        nearest = middle[cKDTree(middle).query(nodes[inner, :3])[1]]
        nodes[inner, :3] = nearest + (nodes[inner, :3] - nearest) * coronary
    return nodes


def segments_near(
    patient: Patient, nodes: np.ndarray, grid: Grid, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Segments near a crop (S, 9), as `CropPlan` has them, and their groups (S,).

    Args:
        nodes: (N, 4) centres and radii, from `widened`.
        values: (N,) HU of the patient's tube nodes.
    """
    nodes = np.column_stack([nodes, values])
    nodes[:, :3] -= grid.origin
    group = np.repeat(patient.tube_group, np.diff(patient.tube_start))
    plaque = patient.plaque()
    group[:-1][plaque[:-1] & plaque[1:]] = GROUPS.index("plaque")
    edge = float(np.prod(grid.spacing) ** (1 / 3))
    # As in TubeRaster: the ramp adds edge^2 / 12 to a round section's squared radius, so take it off first.
    radius = nodes[:, 3]
    nodes[:, 3] = np.sqrt(np.maximum(radius**2 - edge**2 / 12, (0.4 * radius) ** 2))
    first = np.ones(len(nodes), bool)
    first[patient.tube_start[1:] - 1] = False  # a tube's last node begins no segment
    a, b, group = nodes[:-1][first[:-1]], nodes[1:][first[:-1]], group[:-1][first[:-1]]
    reach = np.maximum(a[:, 3], b[:, 3])[:, None] + edge
    top = grid.spacing * (np.array(grid.shape) - 1)
    near = (np.minimum(a[:, :3], b[:, :3]) - reach < top).all(1)
    near &= (np.maximum(a[:, :3], b[:, :3]) + reach > 0).all(1)
    a, b, group = a[near], b[near], group[near]
    middle = (a[:, 4:] + b[:, 4:]) / 2
    return np.column_stack([a[:, :4], b[:, :4] - a[:, :4], middle]).astype(np.float32), group


def tiles_near(segments: np.ndarray, groups: np.ndarray, grid: Grid) -> dict[str, np.ndarray]:
    """Which cubes of `TILE` voxels each segment can touch: a box first, then the distance to the centre.

    Returns:
        `row_group`, `row_tile`, `pair_row` and `pair_segment` of `CropPlan`.
    """
    edge = float(np.prod(grid.spacing) ** (1 / 3))
    a, b = segments[:, :3], segments[:, :3] + segments[:, 4:7]
    reach = np.maximum(segments[:, 3], segments[:, 3] + segments[:, 7]) + edge
    cube = grid.spacing * TILE
    tiles = np.array(grid.shape) // TILE
    # Voxel centres of cube i span [i cube, (i + 1) cube - spacing].
    low = np.floor((np.minimum(a, b) - reach[:, None] + grid.spacing) / cube).astype(int).clip(0, tiles - 1)
    high = np.floor((np.maximum(a, b) + reach[:, None]) / cube).astype(int).clip(0, tiles - 1)
    size = high - low + 1
    counts = size.prod(1)
    pair = np.repeat(np.arange(len(segments)), counts)
    local = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    nx, ny = size[pair, 0], size[pair, 1]
    at = low[pair] + np.column_stack([local % nx, local // nx % ny, local // (nx * ny)])
    centre = at * cube + (cube - grid.spacing) / 2
    along = segments[pair, 4:7]
    t = ((centre - a[pair]) * along).sum(1) / np.maximum((along**2).sum(1), 1e-9)
    gap = np.linalg.norm(a[pair] + np.clip(t, 0, 1)[:, None] * along - centre, axis=1)
    kept = gap < reach[pair] + np.linalg.norm(cube - grid.spacing) / 2
    pair, at = pair[kept], at[kept]
    tile = (at[:, 2] * tiles[1] + at[:, 1]) * tiles[0] + at[:, 0]
    key, row = np.unique(groups[pair].astype(int) * int(tiles.prod()) + tile, return_inverse=True)
    return {
        "row_group": (key // int(tiles.prod())).astype(np.int64),
        "row_tile": (key % int(tiles.prod())).astype(np.int64),
        "pair_row": row.astype(np.int64),
        "pair_segment": pair.astype(np.int64),
    }
