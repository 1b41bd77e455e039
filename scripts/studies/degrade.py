"""Masks with the faults of those that networks and readers draw, of phantoms whose vessels are known.

`degraded(seed, lesions)` draws the tubes of a phantom on a grid of 0.4 x 0.4 x 0.625 mm and spoils them as
masks of real patients are spoilt. How often and how much stands in `draw_faults`:

- breaks: half of them up to 1.5 mm long, a quarter to 4, a quarter to 23 (gaps of a strong network's masks);
- ends: all that is thinner than a radius, a left tree that ends 30, 50 or 80 mm from its ostium, a tree that
  is missing altogether;
- wall: jagged, a tenth too wide or too thin, or as wide as readers of some data sets draw it;
- what is no artery: bits of cardiac vein, a bit of the aorta, the space between vessels that nearly touch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import cc3d
import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from bundle.common.coordinates import voxel_to_world, world_to_voxel
from bundle.common.polylines import arc_length, at_length
from bundle.phantom import draw_patient
from bundle.phantom.core import sample
from bundle.phantom.scanner import move_points

__all__ = [
    "Degraded",
    "Faults",
    "Gap",
    "TrueTube",
    "Truth",
    "degrade",
    "degraded",
    "dense",
    "draw_faults",
    "truth_of",
    "tubes_of",
]

SPACING_MM = np.array([0.4, 0.4, 0.625])
FINE_MM = 0.05
EDGE_MM = 0.2  # of the sigmoid that makes a probability of a distance
NOISE_LENGTH_MM = 0.5
OUTSIDE = -3.0
BESIDE_MM = 1.5  # of the wall, to which distances are needed
SEEN_MM = 3.0  # of a vessel, from which a reader gives it a name
LEAST_GAP_MM = 0.9  # no two voxels that touch are further apart than 0.84 mm


@dataclass
class TrueTube:
    """A true vessel: points (N, 3) RAS mm every 0.05 mm, radius and healthy radius (N,) mm, lesions.

    parent: index of the tube that it leaves, -1 at an ostium.
    """

    name: str
    points: np.ndarray
    radius: np.ndarray
    healthy: np.ndarray
    lesions: list[dict]
    parent: int = -1


@dataclass
class Truth:
    """What is true of a patient: tubes, parents before children; veins as (points (N, 3), radius (N,));
    `aorta` gives the signed distance (N,), mm, negative inside, at points (N, 3) RAS mm."""

    tubes: list[TrueTube]
    veins: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    aorta: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass
class Faults:
    """What is wrong with a mask.

    breaks_mm: lengths of breaks. least_radius_mm: of the (healthy) vessel where it ends. left_end_mm: way
    from the ostium at which the left tree ends. missing: "left" or "right" tree. wide: factor of the radius.
    noise_mm: rms at the wall. veins_mm: lengths of the bits of vein. aorta_mm: radius of the ball around an
    ostium within which the aorta is drawn. touching_mm: two vessels are one where their walls are this near.
    probability: whether there is one beside the mask.
    """

    breaks_mm: list[float] = field(default_factory=list)
    least_radius_mm: float = 0.0
    left_end_mm: float | None = None
    missing: str | None = None
    wide: float = 1.0
    noise_mm: float = 0.0
    veins_mm: list[float] = field(default_factory=list)
    aorta_mm: float = 0.0
    touching_mm: float = 0.0
    probability: bool = False


@dataclass
class Gap:
    """A break: its two ends (3,) RAS mm, the tube and its points at both ends, its length along the tube."""

    start: np.ndarray
    end: np.ndarray
    tube: int
    first: int
    last: int
    length_mm: float


@dataclass
class Degraded:
    """A spoilt mask with all that is true about it.

    mask: (X, Y, Z) bool. affine: (4, 4) voxel to RAS mm. probability: (X, Y, Z) float32 or None; the mask is
    where it is at least 0.5. tubes: as a reader numbers them who sees what is drawn. seen: of each tube (N,)
    bool, the points that lie in the mask. gaps: breaks that part the mask. what: `Faults` as a dict.
    vein_bits: points (N, 3) of each.
    """

    mask: np.ndarray
    affine: np.ndarray
    probability: np.ndarray | None
    tubes: list[TrueTube]
    seen: list[np.ndarray]
    gaps: list[Gap]
    what: dict
    vein_bits: list[np.ndarray]


def dense(points: np.ndarray, *values: np.ndarray) -> list[np.ndarray]:
    """The polyline (N, 3) and its values (N,) every 0.05 mm."""
    total = arc_length(points)[-1]
    where = np.linspace(0, total, int(total / FINE_MM) + 2)
    return [at_length(points, value, where) for value in (points, *values)]


def tubes_of(branches: list[dict], lesions: bool = True) -> list[TrueTube]:
    """The tubes of a phantom's truth (`Phantom.tree`), or of its file.

    Args:
        lesions: False gives every vessel its healthy radius.
    """
    tubes: list[TrueTube] = []
    for branch in branches:
        points = np.asarray(branch["points_ras_mm"])
        if len(points) < 2:
            continue
        points, radius, healthy = dense(
            points, *(np.asarray(branch[key]) for key in ("radius_mm", "reference_radius_mm"))
        )
        parent = next((i for i, t in enumerate(tubes) if t.name == branch["parent"]), -1)
        own = branch["lesions"] if lesions else []
        tubes.append(TrueTube(branch["name"], points, radius if lesions else healthy, healthy, own, parent))
    return tubes


def truth_of(seed: int, lesions: bool = True) -> Truth:
    """The vessels, veins and aorta of the phantom `seed`, as far as its scan shows them.

    Args:
        lesions: False gives every vessel its healthy radius.
    """
    patient = draw_patient(seed)
    grid, chest, steps = patient.grid, patient.chest, patient.protocol.slab_steps
    tubes = tubes_of(patient.truth()["branches"], lesions)
    low, high = grid.origin - grid.spacing / 2, grid.far_corner + grid.spacing / 2
    veins = []
    for points, radius in patient.tree.veins:
        points = move_points(points, steps)
        inside = ((points >= low) & (points <= high)).all(axis=1)
        if inside.sum() > 10:
            veins.append(tuple(dense(patient.to_world(points[inside]), radius[inside])))

    def aorta(points: np.ndarray) -> np.ndarray:
        return sample(chest.aorta, chest.grid, patient.to_scanner(points))

    return Truth(tubes, veins, aorta)


def draw_faults(rng: np.random.Generator) -> Faults:
    """The faults of one mask. Every number is drawn in any case, so that one share changes no other."""
    count = int(np.clip(np.rint(np.exp(rng.normal(np.log(6.0), 0.7))), 1, 23))
    kinds = rng.choice(3, 24, p=[0.5, 0.25, 0.25])
    longest = np.array([(LEAST_GAP_MM, 1.5), (1.5, 4.0), (4.0, 23.0)])[kinds]
    lengths = rng.uniform(*longest.T)
    left_end = float(rng.choice([30, 50, 80], p=[0.5, 0.25, 0.25]))
    thin, noise = rng.uniform(0.5, 0.8), rng.uniform(0.1, 0.2)
    wide = rng.choice(3, p=[0.6, 0.2, 0.2])
    readers = rng.uniform(1.4, 1.6)
    veins = rng.uniform(5, 20, rng.integers(1, 4))
    aorta, touching = rng.uniform(4, 9), rng.uniform(0.5, 0.9)
    side = str(rng.choice(["left", "right"]))
    happens = dict(
        zip(("breaks", "thin", "left_end", "missing", "readers", "noise", "veins", "aorta", "touching",
             "soft"), rng.random(10) < [0.9, 0.85, 0.45, 0.05, 0.08, 0.8, 0.4, 0.35, 0.4, 0.3])
    )  # fmt: skip
    return Faults(
        breaks_mm=[float(x) for x in lengths[:count]] if happens["breaks"] else [],
        least_radius_mm=float(thin) if happens["thin"] else 0.0,
        left_end_mm=left_end if happens["left_end"] else None,
        missing=side if happens["missing"] and not happens["left_end"] else None,
        wide=float(readers) if happens["readers"] else (1.0, 1.1, 0.9)[wide],
        noise_mm=float(noise) if happens["noise"] else 0.0,
        veins_mm=[float(x) for x in veins] if happens["veins"] else [],
        aorta_mm=float(aorta) if happens["aorta"] else 0.0,
        touching_mm=float(touching) if happens["touching"] else 0.0,
        probability=bool(happens["soft"]),
    )


def degraded(seed: int, lesions: bool = True) -> Degraded:
    """The mask of a seed: the same at any time.

    Example:
        >>> case = degraded(500, lesions=False)
        >>> case.mask.dtype.name, len(case.tubes) == len(case.seen)
        ('bool', True)
    """
    rng = np.random.default_rng([seed, 11])
    faults = draw_faults(rng)
    return degrade(truth_of(seed, lesions), faults, rng)


def degrade(truth: Truth, faults: Faults, rng: np.random.Generator) -> Degraded:
    """The mask of a patient with given faults; `rng` draws the places of breaks and bits, and the noise."""
    tubes = truth.tubes
    drawn = _drawn_parts(tubes, faults)
    gap_of, gaps = _breaks(tubes, drawn, faults, rng)
    bits = _vein_bits(truth, drawn, faults, rng)
    affine, shape = _grid(tubes, drawn, bits)
    signed, faint = _fields(tubes, drawn, gap_of, gaps, faults, affine, shape, rng)
    for points, radius in bits:
        voxels, distance, nearest = _nearest(points, float(radius.max()), affine, shape)
        signed[voxels] = np.maximum(signed[voxels], radius[nearest] - distance)
    if faults.aorta_mm and truth.aorta is not None:
        _add_aorta(signed, truth, drawn, faults.aorta_mm, affine, rng)
    if faults.noise_mm:
        noise = gaussian_filter(
            rng.standard_normal(shape, np.float32), NOISE_LENGTH_MM / SPACING_MM, truncate=3.0
        )
        noise *= faults.noise_mm / noise.std()
        signed[signed > OUTSIDE] += noise[signed > OUTSIDE]
    mask, probability = signed >= 0, None
    if faults.probability:
        soft = 1 / (1 + np.exp(-signed / EDGE_MM))
        soft = np.maximum(soft, faint)
        probability = soft.astype(np.float32)
        mask = probability >= 0.5
    seen = [_inside(mask, affine, tube.points) & own for tube, own in zip(tubes, drawn)]
    parted = [gap for gap in gaps if _parts(mask, affine, gap, tubes[gap.tube].radius.max())]
    what = asdict(faults)
    return Degraded(
        mask,
        affine,
        probability,
        _renumbered(tubes, seen),
        seen,
        parted,
        what,
        [points for points, _ in bits],
    )


def way_from_ostium(tubes: list[TrueTube]) -> list[np.ndarray]:
    """Of each tube the way (N,), mm, of its points from the ostium."""
    ways: list[np.ndarray] = []
    for tube in tubes:
        start = 0.0
        if tube.parent >= 0:
            start = ways[tube.parent][_take_off(tubes, tube)]
        ways.append(start + arc_length(tube.points))
    return ways


def _take_off(tubes: list[TrueTube], tube: TrueTube) -> int:
    """Index of the parent's point where a tube begins."""
    return int(cKDTree(tubes[tube.parent].points).query(tube.points[0])[1])


def side_of(tubes: list[TrueTube], number: int) -> str:
    """Whether a tube belongs to the right tree or to a left one."""
    while tubes[number].parent >= 0:
        number = tubes[number].parent
    return "right" if tubes[number].name == "RCA" else "left"


def _drawn_parts(tubes: list[TrueTube], faults: Faults) -> list[np.ndarray]:
    """Of each tube (N,) bool: what is left of it before any break. A tube ends with its parent."""
    drawn: list[np.ndarray] = []
    for number, (tube, way) in enumerate(zip(tubes, way_from_ostium(tubes))):
        side = side_of(tubes, number)
        keep = tube.healthy >= faults.least_radius_mm
        if side == "left" and faults.left_end_mm is not None:
            keep &= way <= faults.left_end_mm
        if side == faults.missing or (tube.parent >= 0 and not drawn[tube.parent][_take_off(tubes, tube)]):
            keep[:] = False
        drawn.append(np.logical_and.accumulate(keep))
    return drawn


def _breaks(
    tubes: list[TrueTube], drawn: list[np.ndarray], faults: Faults, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[Gap]]:
    """Takes stretches out of `drawn`, likelier where the vessel is thin; the gap's number at each point.

    A break lies away from other vessels and at least 2 mm from another break or an end of what is drawn. One
    that fits nowhere is halved.
    """
    gap_of = [np.full(len(tube.points), -1) for tube in tubes]
    clear = [_away_from_others(tubes, drawn, number) for number in range(len(tubes))]
    tube_of = np.concatenate([np.full(len(tube.points), n) for n, tube in enumerate(tubes)])
    index = np.concatenate([np.arange(len(tube.points)) for tube in tubes])
    weight = np.concatenate([tube.healthy for tube in tubes]) ** -2.0
    beside = int(2.0 / FINE_MM)
    gaps: list[Gap] = []
    for length in sorted(faults.breaks_mm, reverse=True):
        while length >= LEAST_GAP_MM:
            steps = int(np.ceil(length / FINE_MM))
            fits = []
            for number in range(len(tubes)):
                free = np.concatenate([[0], np.cumsum(~(drawn[number] & clear[number]))])
                ok = np.zeros(len(clear[number]), bool)
                starts = np.arange(beside, len(ok) - steps - beside)
                ok[starts] = free[starts + steps + beside] == free[starts - beside]
                fits.append(ok)
            chance = weight * np.concatenate(fits)
            if chance.sum() > 0:
                place = int(rng.choice(len(chance), p=chance / chance.sum()))
                number, first = int(tube_of[place]), int(index[place])
                last = first + steps
                points = tubes[number].points
                gap_of[number][first + 1 : last] = len(gaps)
                drawn[number][first + 1 : last] = False
                gaps.append(Gap(points[first], points[last], number, first, last, steps * FINE_MM))
                break
            length /= 2
    return gap_of, gaps


def _away_from_others(tubes: list[TrueTube], drawn: list[np.ndarray], number: int) -> np.ndarray:
    """Where no other tube's wall is within 1 mm of a tube's own, (N,) bool."""
    own = tubes[number]
    clear = np.ones(len(own.points), bool)
    for other, tube in enumerate(tubes):
        if other != number and drawn[other].any():
            shown = drawn[other]
            distance, nearest = cKDTree(tube.points[shown]).query(own.points)
            clear &= distance > tube.radius[shown][nearest] + own.radius + 1.0
    return clear


def _vein_bits(
    truth: Truth, drawn: list[np.ndarray], faults: Faults, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Bits of vein as tubes, each with a thin bridge to the artery beside it where they do not touch."""
    if not faults.veins_mm or not truth.veins or not any(own.any() for own in drawn):
        return []
    lines = np.concatenate([tube.points[own] for tube, own in zip(truth.tubes, drawn)])
    radii = np.concatenate([tube.radius[own] for tube, own in zip(truth.tubes, drawn)])
    search, bits = cKDTree(lines), []
    for length in faults.veins_mm:
        points, radius = truth.veins[int(rng.integers(len(truth.veins)))]
        distance, nearest = search.query(points)
        apart = distance - radii[nearest] - radius
        close = np.flatnonzero(apart < max(1.5, apart.min() + 0.5))
        at = int(rng.choice(close))
        first = max(0, at - int(rng.uniform(0, length) / FINE_MM))
        part = slice(first, first + int(length / FINE_MM))
        bits.append((points[part], radius[part]))
        if 0 < apart[at] < 4:
            bridge = np.linspace(points[at], lines[nearest[at]], 40)
            bits.append((bridge, np.full(40, 0.6)))
    return bits


def _grid(tubes, drawn, bits) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Affine and shape of a grid around all that is drawn, with 12 mm to spare."""
    points = np.concatenate([t.points[own] for t, own in zip(tubes, drawn)] + [points for points, _ in bits])
    if not len(points):
        points = tubes[0].points
    low, high = points.min(axis=0) - 12.0, points.max(axis=0) + 12.0
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = low
    return affine, tuple(int(n) for n in np.ceil((high - low) / SPACING_MM) + 1)


def _near(points: np.ndarray, reach_mm: float, affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Voxels (M, 3) of the grid in boxes of `reach_mm` around points (N, 3)."""
    middle = np.zeros(shape, bool)
    index = np.rint(world_to_voxel(points, affine)).astype(int)
    index = index[((index >= 0) & (index < shape)).all(axis=1)]
    if not len(index):
        return np.zeros((0, 3), int)
    reach = np.ceil(reach_mm / SPACING_MM).astype(int)
    low = np.maximum(index.min(axis=0) - reach, 0)
    box = tuple(slice(a, b) for a, b in zip(low, index.max(axis=0) + reach + 1))
    middle[tuple(index.T)] = True
    return np.argwhere(maximum_filter(middle[box], 2 * reach + 1)) + low


def _nearest(points, radius_mm, affine, shape) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """Voxels near a tube as an index, their distance (M,) to its points (N, 3), index of the nearest."""
    voxels = _near(points[::4], radius_mm + BESIDE_MM, affine, shape)
    distance, nearest = cKDTree(points).query(voxel_to_world(voxels, affine))
    return tuple(voxels.T), distance, nearest


def _fields(tubes, drawn, gap_of, gaps, faults, affine, shape, rng) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance to the wall, positive inside, and the faint probability in breaks, (X, Y, Z) each.

    Breaks and ends are cut across the vessel.
    """
    first = np.full(shape, OUTSIDE, np.float32)
    second, faint = first.copy(), np.zeros(shape, np.float32)
    # In 14 of 22 gaps of a strong network the highest probability was under 0.1.
    peaks = np.where(rng.random(len(gaps)) < 0.64, rng.uniform(0, 0.1, len(gaps)),
                     rng.uniform(0.1, 0.45, len(gaps)))  # fmt: skip
    for tube, own, gap in zip(tubes, drawn, gap_of):
        if not own.any():
            continue
        radius = faults.wide * tube.radius
        voxels, distance, at = _nearest(tube.points, float(radius.max()), affine, shape)
        inside = radius[at] - distance
        value = np.where(own[at], inside, OUTSIDE)
        second[voxels] = np.maximum(second[voxels], np.minimum(first[voxels], value))
        first[voxels] = np.maximum(first[voxels], value)
        lost = gap[at] >= 0
        where = tuple(axis[lost] for axis in voxels)
        faint[where] = peaks[gap[at[lost]]] / (1 + np.exp(-inside[lost] / EDGE_MM))
    if faults.touching_mm:
        both = second > OUTSIDE
        first[both] = np.maximum(first[both], (first + second)[both] + faults.touching_mm)
    return first, faint


def _add_aorta(signed, truth, drawn, radius_mm, affine, rng) -> None:
    """Puts the aorta's part within a ball around one ostium into `signed` (X, Y, Z)."""
    ostia = [t.points[0] for t, own in zip(truth.tubes, drawn) if t.parent < 0 and own.any()]
    if not ostia:
        return
    ostium = ostia[int(rng.integers(len(ostia)))]
    voxels = _near(ostium[None], radius_mm + BESIDE_MM, affine, signed.shape)
    centres = voxel_to_world(voxels, affine)
    ball = radius_mm - np.linalg.norm(centres - ostium, axis=1)
    # The vessel begins up to a voxel of the aorta's coarse field outside of it.
    part = np.maximum(np.minimum(ball, 0.5 - truth.aorta(centres)), OUTSIDE)
    where = tuple(voxels.T)
    signed[where] = np.maximum(signed[where], part)


def _inside(mask: np.ndarray, affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether the nearest voxel of points (N, 3) is in the mask, (N,) bool."""
    index = np.rint(world_to_voxel(points, affine)).astype(int)
    there = ((index >= 0) & (index < mask.shape)).all(axis=1)
    found = np.zeros(len(points), bool)
    found[there] = mask[tuple(index[there].T)]
    return found


def _parts(mask: np.ndarray, affine: np.ndarray, gap: Gap, radius_mm: float) -> bool:
    """Whether the mask near a gap is in different pieces on its two sides."""
    middle = (gap.start + gap.end) / 2
    reach = 0.5 * gap.length_mm + radius_mm + 1.5
    low, high = (np.rint(world_to_voxel(middle[None] + s * reach, affine))[0].astype(int) for s in (-1, 1))
    low = np.maximum(low, 0)
    box = mask[tuple(slice(a, b + 1) for a, b in zip(low, high))]
    labels = cc3d.connected_components(np.ascontiguousarray(box), connectivity=26)
    if labels.max() < 2:
        return False
    voxels = np.argwhere(labels)
    search = cKDTree(voxel_to_world(voxels + low, affine))
    ends = [labels[tuple(voxels[search.query(point)[1]])] for point in (gap.start, gap.end)]
    return bool(ends[0] != ends[1])


def _renumbered(tubes: list[TrueTube], seen: list[np.ndarray]) -> list[TrueTube]:
    """The tubes with the numbers that a reader gives to those of which at least 3 mm are seen.

    In order of take-off, PLVs from the crux on; tubes that are not seen come after them.
    """
    families: dict[str, list[int]] = {}
    for number, tube in enumerate(tubes):
        if (match := re.fullmatch(r"(D|S|OM|PLV|AM|CB)\d*", tube.name)) is not None:
            families.setdefault(match[1], []).append(number)
    renamed = list(tubes)
    for family, members in families.items():

        def order(number: int, family: str = family) -> tuple:
            place = _take_off(tubes, tubes[number]) if tubes[number].parent >= 0 else 0
            return seen[number].sum() * FINE_MM < SEEN_MM, -place if family == "PLV" else place

        for count, number in enumerate(sorted(members, key=order), start=1):
            bare = count == 1 and family in ("PLV", "CB")
            renamed[number] = replace(tubes[number], name=family if bare else f"{family}{count}")
    return renamed
