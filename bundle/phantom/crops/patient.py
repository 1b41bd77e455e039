"""What is slow about a phantom, drawn once and kept small: organs, tree, disease, look-alikes, without HU.

A patient takes 0.3 to 1 s to draw on one core and about 1 MB on disk; any number of crops, each with its own
contrast and scanner, can then be rendered from it (`draw_plan`, `render`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bundle.common.files import replacing
from bundle.phantom.anatomy import draw_chest
from bundle.phantom.core import draw_contrast
from bundle.phantom.scanner import draw_protocol
from bundle.phantom.vessels import STEP, Branch, add_disease, draw_coronaries, draw_lookalikes

from .grafts import bypass_grafts
from .ostia import other_ostia
from .room import make_room
from .tissue import KINDS, SLOT, decode, symbolic_contrast
from .variants import more_branches, occluded, other_dominance, other_lie, swung_courses
from .veins import companion_veins, more_veins

QUANTUM_MM = 0.05
"""Step of the stored distances: int8 reaches 6.35 mm, more than a cell's diagonal of the coarse grid."""

GROUPS = ("look-alike", "vein", "wall", "plaque", "lumen", "calcium", "metal")
"""Sets of tubes in painting order; within a set overlaps count once. Plaque is a part of walls' tubes."""

# Random streams of look-alikes, additional veins, variants of the tree, its dominance, its ostia, grafts, of
# veins beside arteries, of how the heart lies and of how vessels lie beside its grooves.
_CLOSE, _EXTRA, _VARIANT, _DOMINANCE, _OSTIA, _GRAFTS, _BESIDE, _LIE, _SWING = range(2, 11)


@dataclass
class Patient:
    """One stored patient. Lengths in mm in the scanner's frame; fields indexed (z, y, x).

    Attributes:
        seed: that it was drawn from.
        organs: (K,) uint8 slots in `ORGANS`, rising.
        distance: (K, nz, ny, nx) int8 signed distance in steps of `QUANTUM_MM`, negative inside, cut at 127.
        origin: (3,) of the coarse grid, (x, y, z).
        step: its spacing.
        low, high: (3,) corners of the scan: crops lie within.
        heart: (2, 3) corners of the heart's box within the scan.
        svc: (3,) where dense contrast comes in: the source of streaks.
        ostia: (2, 3) left and right; (3, 3) where the circumflex has its own.
        nodes: (N, 5) float32: x, y, z, radius, note (see `KINDS`).
        tube_start: (T + 1,) int32: nodes of tube t are tube_start[t] to tube_start[t + 1].
        tube_group: (T,) uint8 index in `GROUPS`.
        node_kind: (N,) uint8 index in `KINDS`.
    """

    seed: int
    organs: np.ndarray
    distance: np.ndarray
    origin: np.ndarray
    step: float
    low: np.ndarray
    high: np.ndarray
    heart: np.ndarray
    svc: np.ndarray
    ostia: np.ndarray
    nodes: np.ndarray
    tube_start: np.ndarray
    tube_group: np.ndarray
    node_kind: np.ndarray

    def tube_nodes(self, group: str) -> np.ndarray:
        """(N,) bool: which nodes belong to tubes of `group` (a name in `GROUPS`)."""
        of_tube = self.tube_group == GROUPS.index(group)
        return np.repeat(of_tube, np.diff(self.tube_start))

    def plaque(self) -> np.ndarray:
        """(N,) bool: nodes of walls that hold plaque."""
        return self.tube_nodes("wall") & (self.nodes[:, 4] > 0)

    def save(self, path: str | Path) -> None:
        """Write a compressed .npz; the file appears whole or not at all."""
        with replacing(path) as part, open(part, "wb") as stream:
            np.savez_compressed(stream, **asdict(self))

    @classmethod
    def load(cls, path: str | Path) -> Patient:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            values = {name: arrays[name] for name in cls.__dataclass_fields__}
        return cls(**values | {"seed": int(values["seed"]), "step": float(values["step"])})


def draw_patient(seed: int, *, variants: bool = True, extra_veins: bool = True) -> Patient:
    """Draw a patient: heart, tree and lesions are those of `make_phantom(seed)`, the look-alikes others.

    Args:
        seed: non-negative integer.
        variants: the heart lies elsewhere, and so do the ostia and, beside the grooves, the vessels; half of
            the patients have more branches than the whole phantom, and then lesions of their own; one in
            eight has an occlusion, one in twenty bypass grafts, one in twenty a vessel from the wrong sinus,
            and in a quarter the dominance is not the right one's. Chambers give way to the arteries
            (`make_room`).
        extra_veins: up to twelve more cardiac veins, over the ventricles and beside the arteries, as real
            scans show beyond the few of a whole phantom.
    """
    stream, machine = (np.random.default_rng([seed, k]) for k in range(2))
    protocol = draw_protocol(machine)
    contrast = draw_contrast(stream)
    extent = protocol.extent()
    alter = {"alter": other_lie(np.random.default_rng([seed, _LIE]))} if variants else {}
    chest = draw_chest(stream, extent, contrast, **alter)
    dominance = other_dominance(np.random.default_rng([seed, _DOMINANCE])) if variants else None
    if variants:
        other_ostia(np.random.default_rng([seed, _OSTIA]), chest)
        swung_courses(np.random.default_rng([seed, _SWING]), chest)
    tree = draw_coronaries(stream, chest, dominance)
    variant = np.random.default_rng([seed, _VARIANT])
    if variants:
        more_branches(variant, chest, tree)
    symbols = symbolic_contrast()
    deposits = add_disease(stream, tree, symbols)
    if variants:
        make_room(chest, tree)

    tubes = _Tubes()
    close = np.random.default_rng([seed, _CLOSE])
    for points, radius, value in draw_lookalikes(close, chest, symbols):
        tubes.add("look-alike", points, radius, *decode(value))
    more = []
    if extra_veins:
        more = more_veins(np.random.default_rng([seed, _EXTRA]), chest)
        more += companion_veins(np.random.default_rng([seed, _BESIDE]), chest, tree)
    for points, radius in tree.veins + more:
        tubes.add("vein", points, radius, KINDS.index("vein"), close.uniform(0.85, 1.1))
    grafts = bypass_grafts(np.random.default_rng([seed, _GRAFTS]), chest, tree) if variants else []
    for points, radius in grafts:
        tubes.add("look-alike", points, radius, KINDS.index("aorta"), close.uniform(0.9, 1.0))
    closed = occluded(variant, tree) if variants else {}
    for branch in tree.branches:
        tubes.add_branch(branch, tree.distance_to_origin(branch), closed.get(branch.name))
    for group in ("calcium", "metal"):
        for points, radius, value in getattr(deposits, group):
            tubes.add(group, points, radius, *decode(value))

    high = extent.far_corner
    reached = chest.grid.points()[chest.core < 0]
    heart = np.clip([reached.min(0), reached.max(0)], 0, high)
    distance = np.stack([_quantised(organ.sdf) for organ in chest.organs])
    return Patient(
        seed=seed,
        organs=np.array([SLOT[organ.name] for organ in chest.organs], np.uint8),
        distance=distance,
        origin=np.asarray(chest.grid.origin, float),
        step=float(chest.grid.spacing[0]),
        low=np.zeros(3),
        high=high,
        heart=heart,
        svc=chest.to_scanner(np.array([55.0, -8.0, 60.0]))[0],
        ostia=np.array([point for point, _ in chest.ostia.values()]),
        **tubes.packed(),
    )


def _quantised(sdf: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(sdf / QUANTUM_MM), -127, 127).astype(np.int8)


class _Tubes:
    """Collects tubes as flat arrays."""

    def __init__(self):
        self.nodes, self.kinds, self.groups = [], [], []

    def add(self, group: str, points, radius, kind: int, note) -> None:
        columns = [np.broadcast_to(np.asarray(c, float), len(points)) for c in (radius, note)]
        self.nodes.append(np.column_stack([points, *columns]).astype(np.float32))
        self.kinds.append(np.full(len(points), kind, np.uint8))
        self.groups.append(GROUPS.index(group))

    def add_branch(self, branch: Branch, from_ostium: float, closed: slice | None) -> None:
        """Wall and lumen of a branch that begins `from_ostium` mm along the path; no lumen where `closed`."""
        begin, count = 0 if branch.parent else 6, len(branch.points)
        plaque = branch.outer - branch.radius > 0.9
        runs = [slice(0, count)]
        if closed:
            plaque[closed] = True
            runs = [slice(0, closed.start), slice(closed.stop, count)]
        wall = (branch.vessel, branch.outer, plaque.astype(float))
        points, radius, note = (x[begin:] for x in wall)
        self.add("wall", points, radius, KINDS.index("wall"), note)
        path = np.arange(count) * STEP + from_ostium
        for run in runs:
            self.add("lumen", branch.points[run], branch.radius[run], KINDS.index("coronary"), path[run])

    def packed(self) -> dict[str, np.ndarray]:
        return {
            "nodes": np.concatenate(self.nodes),
            "node_kind": np.concatenate(self.kinds),
            "tube_start": np.cumsum([0, *map(len, self.nodes)]).astype(np.int32),
            "tube_group": np.array(self.groups, np.uint8),
        }
