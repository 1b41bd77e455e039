"""The heart: chambers, great vessels, and where things lie on its surface.

Heart coordinates: `a` from the valves to the apex, `r` towards the right ventricle, `u` upwards and left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from .shapes import Lattice, noise, polyline, sample, solid, sweep, true_depth

__all__ = ["Heart", "draw_heart"]


@dataclass
class Heart:
    """Depths (Z, Y, X) on the lattice by name, and the frame.

    Attributes:
        centre: (3,) mm, of the valves' plane.
        frame: (3, 3), columns a, r, u.
        size: relative to a usual heart.
        parts: depth of each chamber, wall and vessel.
        surface: Euclidean depth in everything that a coronary runs around.
        core: the same without the vessels that leave the heart.
        root, up: (3,) the aortic annulus and the direction of the ascending aorta.
    """

    lattice: Lattice
    centre: np.ndarray
    frame: np.ndarray
    size: float
    parts: dict[str, np.ndarray] = field(default_factory=dict)
    surface: np.ndarray | None = None
    core: np.ndarray | None = None
    root: np.ndarray | None = None
    up: np.ndarray | None = None

    def at(self, *place) -> np.ndarray:
        """World points of heart coordinates (..., 3) in mm of a usual heart."""
        return self.centre + self.size * (np.asarray(place, float) @ self.frame.T)

    def coordinates(self, points) -> tuple[np.ndarray, np.ndarray]:
        """`a` (mm of a usual heart) and the angle (degrees) from r towards u, of points (N, 3)."""
        a, r, u = (((np.asarray(points) - self.centre) @ self.frame) / self.size).T
        return a, np.degrees(np.arctan2(u - 2, r - 2))


def draw_frame(rng) -> np.ndarray:
    a = np.array([-0.66, 0.56, -0.50])
    a /= np.linalg.norm(a)
    r = np.array([0.65, 0.75, -0.1])
    r -= (r @ a) * a
    r /= np.linalg.norm(r)
    turn = Rotation.from_euler("xyz", np.clip(rng.normal(0, 11, 3), -25, 25), degrees=True).as_matrix()
    return turn @ np.stack([a, r, np.cross(r, a)], 1)


def draw_heart(rng: np.random.Generator, lattice: Lattice, centre) -> Heart:
    """Chambers are super-ellipsoids warped by noise; vessels are swept splines."""
    size = float(np.clip(rng.normal(1, 0.1), 0.8, 1.25))
    h = Heart(lattice, np.asarray(centre, float), draw_frame(rng), size)
    p = lattice.points()
    for axis in range(3):
        p[..., axis] += rng.uniform(0.8, 2.4) * noise(rng, lattice, rng.uniform(14, 26))
    rough = noise(rng, lattice, 2.6)

    def blob(place, axes, power=None, spread=0.07):
        axes = size * np.array(axes) * rng.normal(1, spread, 3).clip(0.8, 1.2)
        return solid(p, h.at(*place), axes, power or rng.uniform(2.0, 2.8), h.frame)

    def tube(controls, radii, margin=5.0):
        line = polyline(np.asarray(controls) + rng.normal(0, 0.8, (len(controls), 3)), 1.2)
        width = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(radii)), radii)
        return sweep(lattice, line, size * width, margin)

    below = (p - h.at(0, 0, 0).astype(np.float32)) @ h.frame[:, 0].astype(np.float32)  # past the valves
    wall, cavity = rng.uniform(7, 13), rng.uniform(20, 27)
    axes = [72, cavity + wall, cavity + wall]
    place = (10 + rng.normal(0, 2), -12, -2)
    left_wall = np.minimum(blob(place, axes, 2.2, 0.03), below + 6)
    left = np.minimum(left_wall - size * wall - rng.uniform(0.4, 1.6) * rough, below + 1)
    left = np.minimum(left, left_wall - 4.0)
    for u in (11, -13):  # papillary muscles
        left = np.minimum(
            left, -tube([h.at(24, -12, u), h.at(40, -14, 0.9 * u), h.at(58, -14, u)], [2.5, 4.5, 5])
        )
    right_wall = np.minimum(blob((12, 20, 2), [62, 33, 43], None, 0.06), below + 4)
    trunk = [h.at(22, 20, 24), h.at(6, 15, 38), h.at(-8, 9, 47)]
    right_wall = np.maximum(right_wall, tube(trunk, [17, 16, 14]))
    right = right_wall - rng.uniform(2.2, 4.5) - rng.uniform(0.6, 2.0) * rough
    right = np.minimum(right, -(left_wall + 0.5))

    h.up = Rotation.from_euler("xyz", rng.normal(0, 7, 3), degrees=True).apply([0.2, 0.08, 0.97])
    h.root = h.at(-3, 6, 12)
    wide = rng.normal(16.2, 1.8) * rng.uniform(0.95, 1.05)
    back, side = rng.uniform(50, 62), rng.uniform(14, 24)
    rise = [h.root + size * mm * h.up for mm in (-10, 0, 10, 22, 38, 56)]
    arch = [
        h.root + size * (74 * h.up + [-0.3 * side, -0.35 * back, 4]),
        h.root + size * (66 * h.up + [-side, -back, 0]),
    ]
    width = np.array([11, 12.5, 1.12 * wide, 0.95 * wide, wide, 1.02 * wide, 0.92 * wide, 0.8 * wide])
    aorta = tube(rise + arch, width)
    low = h.root + size * np.array([-side, -back, 66])
    down = [low, low + [2, -8, -35], low + [6, -10, -90], low + [16, -6, -160], low + [22, -2, -240]]
    descending = tube(down, np.array([0.8, 0.76, 0.72, 0.68, 0.6]) * wide)
    left = np.maximum(left, tube([h.at(20, -8, 4), h.at(6, -1, 9), h.root], [11, 11, 12]))

    atrium_left = blob((-29, -17, -8), [22, 32, 28])
    atria = [atrium_left + 1.5]  # without the appendages, which lie over the vessels in the groove
    appendage = [h.at(-22, -34, 6), h.at(-13, -40, 23), h.at(-1, -33, 36), h.at(6, -25, 40)]
    appendage = tube(appendage, [10, 9, 7, 4.5]) + 0.9 * rough
    atrium_left = np.maximum(atrium_left, appendage)
    atrium_right = blob((-24, 34, -14), [24, 27, 34])
    atria.append(atrium_right + 1.5)
    ear = tube([h.at(-20, 36, 10), h.at(-13, 32, 27), h.at(-6, 25, 35)], [12, 9, 5]) + 1.2 * rough
    atrium_right = np.maximum(atrium_right, ear)
    fork = trunk[-1] + size * np.array([-9, -26, 26])
    lungs = [tube([*trunk[-2:], trunk[-1] + size * np.array([-6, -8, 13]), fork], [14, 14, 13, 12])]
    lungs.append(tube([fork, fork + [-18, -14, 2], fork + [-44, -34, -6]], [10, 9, 6.5]))
    lungs.append(tube([fork, fork + [20, -14, -2], fork + [68, -26, -10]], [10, 9.5, 6.5]))
    pulmonary = np.minimum(np.maximum.reduce(lungs), -(aorta + 2.0))
    veins = [np.array(v) for v in ([-34, -28, 12], [-36, -34, -12], [48, -22, 8], [46, -30, -16])]
    outlet, lung_veins = h.at(-32, -16, -4), []
    for v in veins:
        begin = outlet + v * [0.4, 0.45, 0.5]
        way = [outlet, begin, begin + 0.6 * v, begin + 1.5 * v]
        lung_veins.append(tube(way, [8, 8, 6.5, 4.5]))
    body = [left_wall, right_wall, atrium_left + 1.5, atrium_right + 1.5]
    h.core = true_depth(
        lattice,
        np.maximum.reduce(
            [
                *body,
                tube(trunk[1:] + [trunk[-1] + size * np.array([-6, -8, 13])], [14, 13]),
                tube(rise[1:5], width[1:5]),
            ]
        ),
    )
    atrium_left = np.maximum.reduce([atrium_left, *lung_veins])
    top = h.at(-26, 34, 10)
    cava = tube([h.at(-24, 34, -6), top, top + [4, -4, 34], top + [4, 0, 110]], [10, 10.5, 9, 9])
    bottom = h.at(-22, 34, -34)
    lower = tube(
        [h.at(-24, 34, -16), bottom, bottom + [-2, -12, -35], bottom + [-8, -14, -110]], [12, 12.5, 12, 12]
    )
    atrium_left = np.minimum(atrium_left, -np.maximum.reduce([aorta + 2, left_wall + 1, atrium_right - 2]))
    atrium_right = np.minimum(
        atrium_right, -np.maximum.reduce([aorta + 2, right_wall + 1, atrium_left + 1.5])
    )
    pulmonary = np.minimum(pulmonary, -np.maximum.reduce([atrium_left + 1.5, cava + 1.5]))
    right = np.minimum(right, -(aorta + 2.0))
    h.parts = {
        "left wall": left_wall, "right wall": right_wall, "left ventricle": left, "right ventricle": right,
        "left atrium": atrium_left, "right atrium": atrium_right, "pulmonary artery": pulmonary,
        "superior vena cava": cava, "inferior vena cava": lower, "aorta": aorta,
        "descending aorta": descending,
    }  # fmt: skip
    around = [
        left_wall,
        right_wall,
        *atria,
        np.maximum.reduce(lung_veins) + 1.5,
        pulmonary + 1,
        aorta + 1,
        cava + 1,
    ]
    h.surface = true_depth(lattice, np.maximum.reduce(around))
    return h


def leaves_aorta(h: Heart, height: float, toward: np.ndarray) -> np.ndarray:
    """Points every 0.4 mm from the aorta's axis, `height` mm above the annulus, to 3 mm past its wall."""
    start = h.root + h.size * height * h.up
    direction = toward - start
    direction -= 0.8 * (direction @ h.up) * h.up
    direction /= np.linalg.norm(direction)
    line = start + np.arange(0, 40, 0.4)[:, None] * direction
    outside = sample(h.parts["aorta"], h.lattice, line) < 0
    end = int(np.argmax(outside)) if outside.any() else len(line) - 1
    return line[max(end - 6, 0) : end + 8]
