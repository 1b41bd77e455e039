"""Everything about a crop that is cheap on a CPU: where it lies, what is in it, its contrast and scanner.

A plan is about 1 MB of small arrays, so that processes which load data can make plans while the device that
trains renders them, without waiting for each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bundle.phantom.core import Grid, fields

from .patient import QUANTUM_MM, Patient
from .scan import Scan, draw_scan
from .segments import TILE, segments_near, tiles_near, widened
from .tissue import ORGANS, node_hu, physical, randomised

WIDEST = 0.6
"""Largest spacing (mm): above it one sample a voxel is too few for thin vessels."""

CALIBRE = (0.62, 1.45)
"""Range of the factor by which all coronaries of a crop are wider: real lumens are 0.8 times those that the
tree is drawn with (after nitroglycerine), and readers draw some up to twice as wide as they are."""


@dataclass
class CropPlan:
    """One crop, ready to render. Fields are indexed (z, y, x), points (x, y, z) in mm from voxel (0, 0, 0).

    Attributes:
        shape: voxels (x, y, z).
        spacing: (3,) mm.
        organs: (M,) slots in `ORGANS` that show in the crop, rising.
        distance: (M, n, n, n) int8, the organs' coarse signed distances around the crop.
        hats: three matrices (fine, n) that interpolate them along z, y, x.
        hu, texture: (M,) of each organ.
        noise_of: (M,) which of the three textures an organ has.
        shading: (n, n, n) float32 HU on the coarse grid.
        segments: (S, 9) float32: start, start's radius, end - start, end's radius - start's, HU.
        row_group, row_tile: (R,) set (`GROUPS`) and flat index of every cube that a tube may touch.
        pair_row, pair_segment: (P,) which segment is near which of these.
        centreline: (C,) flat voxels of the coronary centreline outside the aorta.
        scan: the acquisition.
        seed: (2,) of the noise.
    """

    shape: tuple[int, int, int]
    spacing: np.ndarray
    organs: np.ndarray
    distance: np.ndarray
    hats: tuple[np.ndarray, np.ndarray, np.ndarray]
    hu: np.ndarray
    texture: np.ndarray
    noise_of: np.ndarray
    shading: np.ndarray
    segments: np.ndarray
    row_group: np.ndarray
    row_tile: np.ndarray
    pair_row: np.ndarray
    pair_segment: np.ndarray
    centreline: np.ndarray
    scan: Scan
    seed: int


def draw_plan(
    rng: np.random.Generator,
    patient: Patient,
    shape: tuple[int, int, int] = (128, 128, 128),
    *,
    spacing_mm: tuple[float, float] = (0.42, 0.58),
    random_share: float = 0.5,
    plaque_share: float = 0.0,
    centre: np.ndarray | None = None,
) -> CropPlan:
    """Draw where to look and how it was scanned.

    Two thirds of the crops are centred near a vessel: on a coronary, at random or where it is thin, at an
    ostium, or on a cardiac vein. A fifth lie anywhere in the heart's box, the others anywhere in the scan;
    all lie within the scan where it is large enough. Of patients with plaque in the wall, `plaque_share` of
    all crops lie on it instead.

    Args:
        shape: voxels (x, y, z), multiples of `TILE`.
        spacing_mm: range of the isotropic spacing; each axis then differs by up to 4 %.
        random_share: part of the crops whose tissues have random intensities.
        plaque_share: part of the crops that lie on plaque, which is in too few of the others to learn from.
        centre: (3,) mm in the patient's frame, where the crop is to lie; None draws it.
    """
    spacing = np.minimum(rng.uniform(*spacing_mm) * rng.uniform(0.96, 1.04, 3), WIDEST)
    centre = _place(rng, patient, spacing * shape, plaque_share) if centre is None else centre
    size = spacing * (np.array(shape) - 1)
    spare = patient.high - patient.low - size
    origin = np.clip(centre - size / 2, patient.low + np.minimum(spare / 2, 0), patient.high - size)
    grid = Grid(np.where(spare > 0, origin, patient.low + spare / 2), spacing, tuple(shape))

    wide = bool(rng.random() < random_share)
    contrast, hu, texture = randomised(rng) if wide else physical(rng)
    radius = {"coronary": float(np.exp(rng.uniform(*np.log(CALIBRE)))), "vein": 1.0}
    radius["vein"] = float(np.exp(rng.uniform(np.log(0.7), np.log(1.5))))
    noise_of = rng.integers(0, 2, len(ORGANS))
    noise_of[[ORGANS.index("bone"), ORGANS.index("marrow")]] = rng.integers(1, 3)
    return make_plan(
        patient,
        grid,
        hu[patient.organs],
        texture[patient.organs],
        node_hu(contrast, patient.node_kind, patient.nodes[:, 4]),
        shading=_shading(rng, patient, grid),
        scan=draw_scan(rng, grid, patient.low, patient.high, wide),
        widen=radius,
        noise_of=noise_of[patient.organs],
        seed=int(rng.integers(2**62)),
    )


def _place(rng: np.random.Generator, patient: Patient, size: np.ndarray, plaque_share: float) -> np.ndarray:
    """The middle of a crop of `size` mm."""
    plaque = np.flatnonzero(patient.plaque()) if plaque_share else ()
    where = rng.random()
    if len(plaque) and rng.random() < plaque_share:
        point = patient.nodes[rng.choice(plaque), :3]
    elif where < 0.66:
        point = _point_of_interest(rng, patient, where)
    else:
        return rng.uniform(*(patient.heart if where < 0.87 else (patient.low, patient.high)))
    return point + rng.uniform(-0.3, 0.3, 3) * size


def _point_of_interest(rng: np.random.Generator, patient: Patient, where: float) -> np.ndarray:
    """A point near which a crop lies; `where` in [0, 0.66) says of which kind."""
    if where < 0.07:
        return patient.ostia[rng.integers(len(patient.ostia))]
    nodes = patient.nodes[patient.tube_nodes("vein" if where < 0.27 else "lumen")]
    # By length, or by length over radius, which is far out.
    weight = 1 / nodes[:, 3].astype(float) if where > 0.44 else np.ones(len(nodes))
    return nodes[rng.choice(len(nodes), p=weight / weight.sum()), :3]


def make_plan(
    patient: Patient,
    grid: Grid,
    hu: np.ndarray,
    texture: np.ndarray,
    node_values: np.ndarray,
    *,
    scan: Scan,
    shading: np.ndarray | None = None,
    widen: dict[str, float] | None = None,
    noise_of: np.ndarray | None = None,
    seed: int = 0,
) -> CropPlan:
    """A plan for a given grid and given attenuations.

    Args:
        grid: of the crop in the patient's frame.
        hu, texture: (K,) of the patient's organs.
        node_values: (N,) HU of the patient's tube nodes.
        shading: (n, n, n) on `coarse_box(patient, grid)`; None is none.
        widen: factors of `widened`.

    Raises:
        ValueError: a count that is no multiple of `TILE`, or a spacing over `WIDEST`.
    """
    if any(n % TILE for n in grid.shape) or max(grid.spacing) > WIDEST + 1e-9:
        raise ValueError(
            f"A crop's sides must be multiples of {TILE} voxels of at most {WIDEST} mm, "
            f"got {grid.shape} voxels of {np.round(grid.spacing, 3).tolist()} mm."
        )
    box, part = coarse_box(patient, grid)
    distance = patient.distance[(slice(None), *part)]
    margin = float(np.prod(grid.spacing) ** (1 / 3)) / 2 / QUANTUM_MM
    shown = distance.min((1, 2, 3)) < margin
    full = np.flatnonzero(distance.max((1, 2, 3)) <= -margin)
    if len(full):  # hides all that was painted before
        shown[: full[-1]] = False
    noise_of = np.zeros(len(hu), int) if noise_of is None else noise_of
    nodes = widened(patient, widen or {})
    segments, groups = segments_near(patient, nodes, grid, node_values)
    return CropPlan(
        shape=grid.shape,
        spacing=np.asarray(grid.spacing, np.float32),
        organs=patient.organs[shown],
        distance=np.ascontiguousarray(distance[shown]),
        hats=tuple(fields.hat_matrix(box, grid, axis) for axis in (2, 1, 0)),
        hu=hu[shown].astype(np.float32),
        texture=texture[shown].astype(np.float32),
        noise_of=noise_of[shown].astype(np.int64),
        shading=np.zeros(box.zyx, np.float32) if shading is None else shading.astype(np.float32),
        segments=segments,
        **tiles_near(segments, groups, grid),
        centreline=_centreline(patient, nodes, grid, box, distance, scan.moves),
        scan=scan,
        seed=seed,
    )


def coarse_box(patient: Patient, grid: Grid) -> tuple[Grid, tuple[slice, slice, slice]]:
    """The part of the patient's coarse grid around a crop: as a grid, and as slices (z, y, x).

    Its size depends on the crop's shape alone, so that crops of one shape can be stacked.
    """
    counts = np.array(patient.distance.shape[:0:-1])
    need = np.ceil((np.array(grid.shape) - 1) * WIDEST / patient.step).astype(int) + 2
    need = np.minimum(need, counts)
    first = np.floor((grid.origin - patient.origin) / patient.step).astype(int)
    first = np.clip(first, 0, counts - need)
    box = Grid(patient.origin + first * patient.step, np.full(3, patient.step), tuple(need.tolist()))
    return box, tuple(slice(int(first[i]), int(first[i] + need[i])) for i in (2, 1, 0))


def _shading(rng, patient: Patient, grid: Grid) -> np.ndarray:
    """Slow drift and the streaks of dense contrast (`render.streaks`), on the coarse box."""
    box, _ = coarse_box(patient, grid)
    shading = 6.0 * fields.smooth_noise(rng, box, 45.0)
    strength = float(rng.choice([0.0, rng.uniform(5, 45)], p=[0.4, 0.6]))
    if strength:
        z, y, x = (box.axis(i) - patient.svc[i] for i in (2, 1, 0))
        angle, distance = np.arctan2(y[:, None], x[None, :]), np.hypot(x[None, :], y[:, None])
        rays = sum(rng.normal() * np.cos(k * angle + rng.uniform(0, 6.3)) for k in rng.integers(3, 14, 4)) / 2
        above = 1 / (1 + np.exp(-(z + 25) / 12))
        shading += above[:, None, None] * (strength * rays * np.exp(-distance / 45))[None]
    return shading


def _centreline(patient: Patient, nodes: np.ndarray, grid: Grid, box: Grid, distance, moves) -> np.ndarray:
    """Flat voxels through which the lumen's centreline runs, but for its beginning inside the aorta."""
    points = nodes[patient.tube_nodes("lumen"), :3]
    slot = np.flatnonzero(patient.organs == ORGANS.index("aorta"))
    at = np.rint((points - box.origin) / patient.step).astype(int)
    inside = ((at >= 0) & (at < box.shape)).all(1)
    points, at = points[inside], at[inside]
    points = points[distance[slot[0], at[:, 2], at[:, 1], at[:, 0]] > 0]
    voxels = np.rint((points - grid.origin) / grid.spacing).astype(int)
    height = np.clip(voxels[:, 2], 0, grid.shape[2] - 1)
    voxels[:, :2] += np.rint(moves[height]).astype(int)
    voxels = voxels[((voxels >= 0) & (voxels < grid.shape)).all(1)]
    return np.unique((voxels[:, 2] * grid.shape[1] + voxels[:, 1]) * grid.shape[0] + voxels[:, 0])
