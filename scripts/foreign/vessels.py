"""Coronary arteries and cardiac veins: cheapest ways over the heart's surface, where grooves are cheap.

The surface's neighbourhood is a graph of points 2 mm apart; a step costs its length, times noise, less in a
groove and more inside muscle or beside a vessel that is there already.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from .heart import Heart, leaves_aorta
from .shapes import Lattice, polyline, sample

__all__ = ["STEP", "Vessel", "draw_arteries", "draw_veins"]

STEP = 0.4
SHORTEST = 10.0


@dataclass
class Vessel:
    """A centreline (N, 3) mm every `STEP` with the lumen's radius (N,) and that of a healthy lumen."""

    name: str
    parent: str | None
    points: np.ndarray
    radius: np.ndarray
    healthy: np.ndarray = None
    lesions: list = field(default_factory=list)

    def __post_init__(self):
        self.healthy = self.radius.copy() if self.healthy is None else self.healthy


class Surface:
    """The graph around a heart."""

    def __init__(self, rng, heart: Heart):
        self.rng, self.heart, self.depth = rng, heart, -heart.surface  # height over the surface
        coarse = heart.lattice
        step = np.full(3, 2.0)
        shape = tuple(int(n) for n in (coarse.step * (np.array(coarse.shape) - 1) // step) + 1)
        self.at = Lattice(coarse.origin, step, shape)
        points = self.at.points()
        height = sample(self.depth, coarse, points.reshape(-1, 3)).reshape(self.at.zyx)
        aorta = sample(heart.parts["aorta"], coarse, points.reshape(-1, 3)).reshape(self.at.zyx)
        a, _ = heart.coordinates(points.reshape(-1, 3))
        apart = -sample(heart.core, coarse, points.reshape(-1, 3)).reshape(self.at.zyx)
        near = (height > -5) & (height < 5) & (aorta < -1.0) & (a.reshape(self.at.zyx) > -38) & (apart < 9)
        full = ndimage.gaussian_filter((height < 0).astype(np.float32), 3.0)  # more than a half in a groove
        rough = ndimage.gaussian_filter(rng.standard_normal(self.at.zyx), 2.0)
        rough /= rough.std()
        cost = np.exp(-3.0 * (full - 0.35) + rng.uniform(0.15, 0.5) * rough)
        cost *= np.where(height < 0.5, 1 + 1.5 * (0.5 - height), 1 + 0.15 * np.maximum(height - 2, 0))
        number = np.full(self.at.zyx, -1)
        number[near] = np.arange(near.sum())
        self.nodes, self.cost = points[near].astype(float), cost[near]
        self.a, self.phi = heart.coordinates(self.nodes)
        self.height = height[near]
        rows, columns, lengths = [], [], []
        for shift in [
            (i, j, k) for i in (0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) > (0, 0, 0)
        ]:
            one = tuple(slice(max(-s, 0), n - max(s, 0)) for s, n in zip(shift, number.shape))
            two = tuple(slice(max(s, 0), n - max(-s, 0)) for s, n in zip(shift, number.shape))
            both = (number[one] >= 0) & (number[two] >= 0)
            rows.append(number[one][both])
            columns.append(number[two][both])
            lengths.append(np.full(both.sum(), 2 * np.sqrt(np.abs(shift).sum())))
        self.rows, self.columns, self.lengths = map(np.concatenate, (rows, columns, lengths))
        self.tree = cKDTree(self.nodes)

    def landmark(self, a: float, phi: float) -> int:
        """The node at heart coordinates, on the surface."""
        turn = (self.phi - phi + 180) % 360 - 180
        return int(np.argmin(((self.a - a) / 4) ** 2 + (turn / 6) ** 2 + ((self.height - 1.5) / 3) ** 2))

    def way(self, start, landmarks, avoid=(), clear_mm: float = 5.0, dearer: float = 6.0) -> np.ndarray:
        """Points (N, 3) of the cheapest way from a place (3,) by landmarks: (a, phi), or places (3,).

        Args:
            avoid: centrelines beside which steps are dear.
        """
        cost = self.cost
        if len(avoid):
            gap, _ = cKDTree(np.vstack(avoid)).query(self.nodes)
            own = np.linalg.norm(self.nodes - start, axis=1)
            cost = cost * np.where((gap < clear_mm) & (own > 6), dearer, 1.0)
        weight = self.lengths * (cost[self.rows] + cost[self.columns]) / 2
        n = len(self.nodes)
        graph = sparse.csr_matrix((weight, (self.rows, self.columns)), (n, n))
        here = int(self.tree.query(start)[1])
        found = [here]
        for mark in landmarks:
            goal = self.landmark(*mark) if len(mark) == 2 else int(self.tree.query(mark)[1])
            before = dijkstra(graph, directed=False, indices=here, return_predecessors=True)[1]
            back = [goal]
            while back[-1] != here and before[back[-1]] >= 0:
                back.append(int(before[back[-1]]))
            if back[-1] != here:
                continue
            found += back[::-1][1:]
            here = goal
        return self.nodes[found]

    def lay(self, head, nodes, radius: float, gap: float, wiggle: float) -> np.ndarray:
        """A smooth centreline from `head` (M, 3) on over `nodes`, lifted off the surface."""
        line = np.vstack([head, nodes[np.linalg.norm(nodes - head[-1], axis=1) > 3.0]])
        line = polyline(line[np.r_[True, np.linalg.norm(np.diff(line, axis=0), axis=1) > 1e-3]], 1.0)
        fixed = line[0].copy()
        line = ndimage.gaussian_filter1d(line, 4.0, axis=0, mode="nearest")
        sway = 4.2 * ndimage.gaussian_filter1d(self.rng.normal(0, 1, line.shape), 5.0, axis=0)
        line += wiggle * sway * np.clip(np.arange(len(line)) / 12, 0, 1)[:, None]
        free = np.clip((np.arange(len(line)) - 4) / 8, 0, 1)
        lattice, height = self.heart.lattice, self.depth
        for _ in range(12):
            now = sample(height, lattice, line)
            slope = np.stack([sample(height, lattice, line + e) - sample(height, lattice, line - e)
                              for e in 1.0 * np.eye(3)], 1)  # fmt: skip
            slope /= np.linalg.norm(slope, axis=1, keepdims=True) + 1e-6
            line += (0.5 * free * (radius + gap - now))[:, None] * slope
            line = np.where(
                free[:, None] > 0, ndimage.gaussian_filter1d(line, 1.2, axis=0, mode="nearest"), line
            )
        line += (fixed - line[0]) * np.exp(-np.arange(len(line)) / 5)[:, None]
        line = line[::2] if len(line) > 12 else line
        return polyline(line, STEP)


def draw_arteries(rng: np.random.Generator, surface: Surface) -> tuple[list[Vessel], dict]:
    """The left and the right tree, with what was drawn for them."""
    h = surface.heart
    calibre = float(np.clip(np.exp(rng.normal(0.05, 0.24)), 0.72, 1.5))
    gap, wiggle = rng.uniform(0.2, 2.0), rng.uniform(0.3, 1.3)
    rich = rng.uniform(0, 1)
    dominance = str(rng.choice(["right", "left", "co"], p=[0.82, 0.1, 0.08]))
    separate = bool(rng.random() < 0.06)
    vessels: dict[str, Vessel] = {}

    def width(mean, sd):
        return min(calibre * float(np.clip(rng.normal(mean, sd), 0.65 * mean, 1.4 * mean)) / 2, 2.8)

    def taper(count, first, last):
        s = np.linspace(0, 1, count)
        bumps = 0.3 * ndimage.gaussian_filter1d(rng.normal(0, 1, count), 12)  # 0.046 on the whole
        return np.maximum((first + (last - first) * s ** rng.uniform(0.7, 1.2)) * (1 + bumps), 0.45)

    def course(head, marks, length, radius):
        avoid = [v.points for v in vessels.values()]
        jitter = rng.normal(0, 1, (len(marks), 2)) * [2, 4]
        nodes = surface.way(head[-1], np.array(marks) + jitter, avoid)
        points = surface.lay(head, nodes, radius, gap, wiggle)[: int(length / STEP)]
        if avoid:  # it ends where it would run into another
            first = int(16 / STEP)
            near, _ = cKDTree(np.vstack(avoid)).query(points[first:])
            hit = np.flatnonzero(near < 2 * radius + 0.6)
            points = points[: first + hit[0]] if len(hit) else points
        return points

    def add(name, parent, points, first, last):
        if len(points) * STEP >= SHORTEST or name == "LM":
            vessels[name] = Vessel(name, parent, points, taper(len(points), first, last))

    def branch(name, parent, at_mm, marks, length, diameter, last=0.55):
        base = vessels.get(parent)
        if base is None or len(base.points) * STEP < at_mm + 6:
            return
        i = int(at_mm / STEP)
        first = min(width(*diameter), 0.85 * base.radius[i])
        ahead = base.points[min(i + 5, len(base.points) - 1)] - base.points[i]
        goal = surface.nodes[surface.landmark(*marks[0])] - base.points[i]
        ahead, goal = ahead / (np.linalg.norm(ahead) + 1e-6), goal / (np.linalg.norm(goal) + 1e-6)
        head = base.points[i] + np.arange(0, 4.1, 1.0)[:, None] * (0.5 * ahead + goal) / np.linalg.norm(
            0.5 * ahead + goal
        )
        add(name, parent, course(head, marks, length, first), first, max(last * calibre, 0.5))

    s = h.size
    up_left, up_right = np.clip(rng.normal([14, 16], 2.5), 9, 22)
    if rng.random() < 0.05:  # a high or turned take-off
        up_right += rng.uniform(5, 12)
    lad_marks = [(4, 104), (26, 95), (48, 93), (68, 92), (82, 90)]
    if rng.random() < 0.55:
        lad_marks += [(80, -80), (68, -88)]
    cx_marks = [(-3, 132), (-5, 162), (-5, 195)]
    cx_length, cx_last = s * np.clip(rng.normal(68, 14), 35, 105), 0.75
    if dominance != "right":
        cx_marks += [(-6, 228), (-5, 262)]
        cx_length, cx_last = cx_length + s * 60, 0.9
    if dominance == "left":
        cx_marks += [(12, 270), (40, 270), (60, 271)]
        cx_length += s * 50
    goal = surface.nodes[surface.landmark(2, 108)]
    lad_length = s * np.clip(rng.normal(112, 18), 60, 160)
    lad_first, cx_first = width(3.6, 0.45), width(3.2, 0.6)
    stem = leaves_aorta(h, up_left, goal)
    if separate:
        add("LAD", None, course(stem, lad_marks, lad_length, lad_first), lad_first, 0.6 * calibre)
        other = leaves_aorta(h, up_left - 1, surface.nodes[surface.landmark(-8, 130)])
        add("LCx", None, course(other, cx_marks, cx_length, cx_first), cx_first, cx_last * calibre)
    else:
        whole = course(stem, lad_marks, lad_length + 14, lad_first)
        n = min(int((3 + np.clip(rng.normal(9.5, 3.5), 3, 18)) / STEP), len(whole) // 2)
        main = width(4.1, 0.6)
        add("LM", None, whole[: n + 1], main, 0.97 * main)
        add("LAD", "LM", whole[n:], min(lad_first, 0.95 * main), 0.6 * calibre)
        ahead = whole[n] - whole[n - 5]
        side = surface.nodes[surface.landmark(*cx_marks[0])] - whole[n]
        ahead = ahead / np.linalg.norm(ahead) + 1.1 * side / np.linalg.norm(side)
        head = whole[n] + np.arange(0, 4.1, 1.0)[:, None] * ahead / np.linalg.norm(ahead)
        first = min(cx_first, 0.92 * main)
        add("LCx", "LM", course(head, cx_marks, cx_length, first), first, cx_last * calibre)
        if rng.random() < 0.22:
            branch(
                "RI",
                "LM",
                n * STEP - 0.4 - 6,
                [(14, 118), (36, 132), (52, 138)],
                s * rng.uniform(30, 75),
                (2.1, 0.5),
            )
    right_marks = [(-4, 48), (-6, 22), (-7, -6), (-7, -34), (-7, -62)]
    right_first, right_last = width(3.5, 0.5), 1.1
    if dominance == "left":
        right_marks, right_first, right_last = right_marks[:4], 0.75 * right_first, 0.6
    else:
        right_marks += [(-6, -84)]
    stem = leaves_aorta(h, up_right, surface.nodes[surface.landmark(-3, 52)])
    points = course(stem, right_marks, s * (95 if dominance == "left" else 170), right_first)
    add("RCA", None, points, right_first, right_last * calibre)
    long = len(vessels["RCA"].points) * STEP if "RCA" in vessels else 0
    if dominance != "left" and long > 60 and rng.random() < 0.93:
        branch("PDA", "RCA", long - 7, [(14, -86), (36, -87), (58, -88)], s * rng.uniform(30, 75), (1.9, 0.4))
        if dominance == "right" and rng.random() < 0.4 + 0.5 * rich:
            branch(
                "PLV",
                "RCA",
                long - 10,
                [(4, -108), (22, -124), (40, -130)],
                s * rng.uniform(22, 65),
                (1.8, 0.4),
            )
    count = rng.binomial(3, 0.35 + 0.55 * rich)
    places = np.sort(rng.uniform(10, 70, count))
    for k, at in enumerate(places, 1):
        tilt = rng.uniform(0.7, 1.3)
        marks = [
            (16 + 0.7 * at, 95 + 22 * tilt),
            (32 + 0.7 * at, 95 + 42 * tilt),
            (50 + 0.5 * at, 95 + 52 * tilt),
        ]
        branch(f"D{k}", "LAD", at, marks, s * rng.uniform(22, 70), (2.0, 0.6))
    for k, at in enumerate(np.sort(rng.uniform(10, 60, rng.binomial(3, 0.3 + 0.5 * rich))), 1):
        phi = 125 + 1.15 * at + rng.normal(0, 8)
        branch(
            f"OM{k}",
            "LCx",
            at,
            [(14, phi), (34, phi + 3), (56, phi + 6)],
            s * rng.uniform(25, 75),
            (1.9, 0.55),
        )
    for k, at in enumerate(np.sort(rng.uniform(35, 100, rng.binomial(2, 0.25 + 0.5 * rich))), 1):
        phi = 60 - 0.8 * at + rng.normal(0, 8)
        branch(
            f"AM{k}",
            "RCA",
            at,
            [(12, phi), (30, phi + 4), (50, phi + 8)],
            s * rng.uniform(20, 60),
            (1.6, 0.4),
        )
    if rng.random() < 0.5:
        branch(
            "CB",
            "RCA",
            rng.uniform(6, 14),
            [(8, 60), (20, 66), (34, 68)],
            s * rng.uniform(14, 35),
            (1.4, 0.3),
        )
    drawn = {
        "calibre": calibre,
        "gap_mm": gap,
        "wiggle_mm": wiggle,
        "dominance": dominance,
        "separate": separate,
    }
    return list(vessels.values()), drawn


def draw_veins(rng: np.random.Generator, surface: Surface, arteries: list[Vessel]) -> list[Vessel]:
    """Great cardiac vein and coronary sinus, into which the middle and lateral veins run."""
    avoid = [v.points for v in arteries]
    wide, gap = rng.uniform(0.9, 1.4), rng.uniform(0.2, 2.5)
    veins: list[Vessel] = []

    def lay(name, marks, widths, end=None):
        marks = np.array(marks) + rng.normal(0, 1, (len(marks), 2)) * [1.5, 3]
        begin = surface.nodes[surface.landmark(*marks[0])]
        marks = [*marks[1:]] + ([] if end is None else [end])
        nodes = surface.way(begin, marks, avoid, clear_mm=rng.uniform(1.5, 4), dearer=3.0)
        points = surface.lay(begin[None], nodes, 1.5, gap, rng.uniform(0.3, 1.0))
        if end is not None:  # into the vein that is there already
            points = np.vstack([points, polyline([points[-1], end], STEP)[1:]])
        width = np.interp(np.linspace(0, 1, len(points)), np.linspace(0, 1, len(widths)), widths)
        veins.append(Vessel(name, None, points, np.minimum(wide * width, 3.6)))

    groove = [
        (rng.uniform(45, 66), 99),
        (26, 101),
        (6, 112),
        (-8, 140),
        (-10, 170),
        (-11, 205),
        (-12, 240),
        (-16, 262),
    ]
    lay("great cardiac vein", groove, [0.7, 1.0, 1.4, 1.7, 2.1, 2.8, 3.4])
    sinus = veins[0].points
    lay("middle cardiac vein", [(62, -92), (40, -92), (18, -93), (-2, -95)], [0.8, 1.3, 1.8, 2.1],
        sinus[int(0.93 * len(sinus))])  # fmt: skip
    for k in range(rng.integers(0, 4)):
        phi = rng.uniform(145, 225)
        on = sinus[
            np.argmin(
                np.abs((surface.heart.coordinates(sinus)[1] % 360) - phi)
                + 100 * (np.arange(len(sinus)) < len(sinus) / 3)
            )
        ]
        lay(f"lateral vein {k + 1}", [(56, phi + 5), (34, phi + 2), (10, phi)], [0.6, 1.0, 1.5], on)
    if rng.random() < 0.5:
        lay("small cardiac vein", [(-9, 0), (-10, -35), (-12, -70)], [0.6, 0.9, 1.4], sinus[-3])
    return veins
