"""Everything around the heart, as layers to be painted one over the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .heart import Heart
from .shapes import noise, polyline, sample, solid, sweep

__all__ = ["BONE", "HU", "Layer", "draw_hu", "draw_layers", "lung_vessels"]

VEIN, AORTA, POOL, BONE = 2, 3, 4, 5
"""Numbers in the tissue map; 1 is a coronary, 0 anything else."""


@dataclass
class Layer:
    """One tissue: depth on the lattice, HU, noise in it (HU; coarse or fine), number in the tissue map."""

    depth: np.ndarray
    hu: float
    texture: float = 0.0
    coarse: bool = False
    tissue: int = 0


HU = dict[str, float]


def draw_hu(rng: np.random.Generator) -> HU:
    """HU of blood and tissue: lumen around 347, veins as bright as arteries in half of the cases."""
    artery = float(np.clip(np.exp(rng.normal(np.log(350), 0.27)), 190, 620))
    aorta = artery * rng.uniform(1.0, 1.15)
    right = rng.uniform(0.3, 1.05)
    bright = rng.random() < 0.5
    return {
        "artery": artery, "aorta": aorta, "left": aorta * rng.uniform(0.92, 1.06),
        "vein": artery * (rng.uniform(0.85, 1.1) if bright else rng.uniform(0.3, 0.8)),
        "right": 45 + (aorta - 45) * right, "mixing": rng.uniform(10, 90),
        "lung vessels": aorta * rng.uniform(0.4, 1.05),
        "cava": aorta * rng.uniform(0.5, 2.2), "lower cava": rng.uniform(60, 180),
        "muscle": rng.normal(58, 8), "heart muscle": float(np.clip(rng.normal(103, 16), 70, 145)),
        "fat": rng.normal(-102, 8), "lung": rng.uniform(-890, -780), "liver": rng.uniform(60, 125),
        "marrow": rng.uniform(110, 360), "cortex": rng.uniform(420, 900), "wall": rng.uniform(20, 70),
    }  # fmt: skip


def draw_layers(
    rng: np.random.Generator, h: Heart, hu: HU, arteries: np.ndarray
) -> tuple[list[Layer], np.ndarray]:
    """Layers from the outside in, and the depth in the lungs.

    Args:
        arteries: depth in all coronary vessels, around which there is fat.
    """
    at, parts, c = h.lattice, h.parts, h.centre
    p = at.points()
    for axis in range(3):
        p[..., axis] += 2.0 * noise(rng, at, 30)
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    middle = noise(rng, at, 5)
    skin, chest_wall = rng.uniform(6, 24), rng.uniform(14, 20)
    # The spine lies behind the aorta, the breastbone before the heart.
    spots = np.argwhere(parts["descending aorta"] > 0)[:, [2, 1]].mean(0) * at.step[:2] + at.origin[:2]
    spine = spots + [rng.uniform(21, 27), -rng.uniform(8, 15)]
    ahead = at.axis(1)[(h.core > 0).any((0, 2))].max() + rng.uniform(1, 20)
    half_x, half_y = rng.uniform(150, 185), (ahead - spine[1] + 2 * skin + 42 + chest_wall) / 2
    mid_x, mid_y = spine[0], spine[1] + half_y - skin - 42

    def ring(ax, ay, power=2.4, centre=(0.0, 0.0)):
        ratio = (
            np.abs((x - mid_x - centre[0]) / ax) ** power + np.abs((y - mid_y - centre[1]) / ay) ** power
        ) ** (1 / power)
        return np.hypot(x - mid_x - centre[0], y - mid_y - centre[1]) * (1 / (ratio + 1e-3) - 1)

    body = ring(half_x, half_y)
    muscle = body - skin - 2 * noise(rng, at, 14)
    cavity = ring(half_x - skin - chest_wall, half_y - skin - chest_wall, 2.3)
    thick = rng.uniform(1.0, 3.0) if rng.random() < 0.5 else rng.uniform(3.5, 9.0)
    # Fat fills the grooves: a wide blur of the heart has lost them.
    sac = np.maximum(h.core + thick * (1 + 0.3 * noise(rng, at, 12)), arteries + 1.0)
    sac = np.maximum(sac, filled(h) - 1.0)
    column = ring(rng.uniform(26, 34), 34, 2.2, (0, -half_y + skin + chest_wall + 14))
    front = ring(rng.uniform(8, 22), 26, 2.2, (-4, half_y - skin - chest_wall - 12))
    vessels = np.maximum.reduce(
        [parts[k] for k in ("aorta", "descending aorta", "pulmonary artery", "superior vena cava")]
    )
    between = np.maximum.reduce([sac, column, front, vessels + 3.5])
    between = np.maximum(
        between, ring(24, 60, 2.2) - np.maximum(0, 30 - (z - c[2])) * 1.2
    )  # upper mediastinum
    bottom = at.axis(2)[(h.core > 0).any((1, 2))].min()  # the heart rests on the diaphragm
    right_dome = solid(p, [c[0] + 66, c[1] + 5, bottom + rng.uniform(8, 24) - 100], [88, 84, 100], 2.1)
    left_dome = solid(p, [c[0] - 44, c[1] - 4, bottom + rng.uniform(2, 12) - 100], [92, 88, 100], 2.1)
    dome = np.maximum(right_dome, left_dome)
    lungs = np.minimum.reduce([cavity, -between, -dome - 1.5])
    below = np.minimum(cavity, dome)
    liver = np.minimum(below - 1, x - (c[0] - 20) + 14 * middle * 0.2)
    stomach = np.minimum(below - 3, solid(p, c + [-58, 12, -140], [44, 40, 48], 2.2))
    spleen = np.minimum(below - 3, solid(p, c + [-84, -50, -140], [32, 42, 50], 2.4))

    height = (z + rng.uniform(0, 24)) % 25
    disc = np.minimum(height, 25 - height)
    vertebra = np.minimum(ring(19, 16, 2.3, spine - [mid_x, mid_y]), disc - 2.0)
    canal = ring(9, 8, 2, spine - [mid_x, mid_y] - [0, 23])
    arch = np.minimum(ring(24, 17, 2.4, spine - [mid_x, mid_y] - [0, 25]), -canal - 1.0)
    thorn = ring(4, 11, 2.2, spine - [mid_x, mid_y] - [0, 44])
    sternum = ring(rng.uniform(14, 20), 6.5, 3, (0, half_y - skin - 12))
    bone = np.maximum.reduce([vertebra, arch, np.minimum(thorn, disc + 2), sternum])
    pitch = rng.uniform(20, 27)
    for side in (-1, 1):
        for level in np.arange(at.origin[2] - 70, at.axis(2)[-1] + 70, pitch):
            turn = np.radians(np.linspace(-78, 62, 9) + rng.normal(0, 1, 9))
            rx, ry = half_x - skin - 8, half_y - skin - 8
            line = np.stack(
                [mid_x + side * rx * np.cos(turn), mid_y + ry * np.sin(turn), level - 32 * np.sin(turn)], -1
            )
            sweep(at, polyline(line, 2.0), rng.uniform(4.2, 5.6), 2.5, bone)
    behind = np.array([*spine, c[2]])
    gullet = [[-4, 28, 90], [-6, 27, 30], [-9, 29, -20], [-16, 32, -70], [-26, 40, -120]]
    oesophagus = sweep(at, polyline(behind + np.array(gullet, float), 1.5), rng.uniform(5, 7.5))
    oesophagus = np.minimum(oesophagus, -(h.core + 1.5))
    fork = behind + [-2, 40, 58]
    pipes = [(fork + np.array([[0, 8, 90], [0, 4, 40], [0, 0, 0]]), 8.0)]
    pipes += [(fork + np.array([[0, 0, 0], [20, -8, -14], [44, -16, -30]]), 6.0)]
    pipes += [(fork + np.array([[0, 0, 0], [-20, -8, -14], [-46, -14, -26]]), 5.5)]
    airway = np.maximum.reduce([sweep(at, polyline(line, 1.5), r) for line, r in pipes])
    airway = np.minimum(airway, -(vessels + 1.5))
    azygos = sweep(
        at, polyline(behind + np.array([[10, 20, 70], [8, 19, 0], [6, 18, -120]], float), 1.5), 3.2
    )

    def free(depth, apart=0.8):  # an artery runs in fat, not inside a chamber
        return np.minimum(depth, -(arteries + apart))

    buried = rng.random() < 0.15  # in muscle; never in an atrium, under whose appendages they run

    def keep(depth, apart=0.8):
        return depth if buried else free(depth, apart)

    m = hu["heart muscle"]
    mixed = 0.5 * (hu["right"] + hu["lower cava"]) + 0.15 * hu["cava"]
    atria = np.maximum(parts["left atrium"], parts["right atrium"])
    layers = [
        Layer(body, hu["fat"], 8),
        Layer(muscle, hu["fat"] + 10, 10),
        Layer(np.minimum(muscle, 4.5 * middle + 4), hu["muscle"], 12),
        Layer(cavity + 2, hu["muscle"] - 10, 10),
        Layer(cavity, hu["fat"] + 6, 10),
        Layer(lungs, hu["lung"], 35),
        Layer(np.minimum(dome + 1.5, cavity), hu["muscle"], 5),
        Layer(below - 2.0, hu["fat"] + 4, 8),
        Layer(liver, hu["liver"], 6),
        Layer(spleen, hu["liver"] * 1.15, 14),
        Layer(stomach, float(rng.choice([30.0, 60.0, -600.0])), 15),
        Layer(bone, hu["cortex"], 70, tissue=BONE),
        Layer(bone - rng.uniform(1.3, 2.4), hu["marrow"], rng.uniform(45, 110), tissue=BONE),
        Layer(np.minimum(canal, -vertebra), 35, 5),
        Layer(oesophagus, hu["muscle"] - 12, 10),
        Layer(airway + 1.5, hu["muscle"] - 10), Layer(airway, -985),
        Layer(azygos, 45 + 0.5 * (hu["lower cava"] - 45), 6, tissue=POOL),
        Layer(sac + rng.uniform(0.6, 1.4), hu["muscle"] - 20, 8),
        Layer(sac, hu["fat"] + rng.uniform(0, 25), 11),
        Layer(keep(parts["descending aorta"] + 1.5), hu["muscle"], 5),
        Layer(parts["descending aorta"], hu["aorta"] * 0.98, 4, tissue=AORTA),
        Layer(keep(parts["right wall"]), m * 0.95, 9),
        Layer(parts["left wall"], m, 9),
        Layer(free(atria + rng.uniform(1, 2.2), 1.0), m * 0.85, 7),
        Layer(keep(parts["pulmonary artery"] + 1.2, 0.2), hu["muscle"] + 5, 5),
        Layer(keep(parts["aorta"] + 1.4, -9.0), hu["muscle"] + 10, 5),
        Layer(keep(parts["inferior vena cava"]), hu["lower cava"], 12, True, POOL),
        Layer(keep(parts["superior vena cava"]), hu["cava"], hu["mixing"], True, POOL),
        Layer(keep(parts["right ventricle"]), hu["right"], 0.4 * hu["mixing"], True, POOL),
        Layer(free(parts["right atrium"], 1.8), mixed, hu["mixing"], True, POOL),
        Layer(keep(parts["pulmonary artery"]), hu["lung vessels"], 6, tissue=POOL),
        Layer(free(parts["left atrium"], 1.8), hu["left"], 6, tissue=POOL),
        Layer(parts["left ventricle"], hu["left"], 9, tissue=POOL),
        Layer(parts["aorta"], hu["aorta"], 4, tissue=AORTA),
    ]  # fmt: skip
    return layers, lungs


def filled(h: Heart, reach_mm: float = 14.0) -> np.ndarray:
    """Depth (mm) in the heart closed by a ball of `reach_mm`, whose grooves are full."""
    step = 2 * h.lattice.step[0]
    outside = ndimage.distance_transform_edt(h.core[::2, ::2, ::2] <= 0) * step < reach_mm
    depth = ndimage.distance_transform_edt(outside) * step - reach_mm
    depth = ndimage.gaussian_filter(depth.astype(np.float32), 1.0)
    where = [np.minimum(np.arange(n) / 2, m - 1) for n, m in zip(h.core.shape, depth.shape)]
    for axis, place in enumerate(where):
        low = np.minimum(place.astype(int), depth.shape[axis] - 2)
        part = (place - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(3)])
        depth = depth.take(low, axis) * (1 - part) + depth.take(low + 1, axis) * part
    return depth


def lung_vessels(rng: np.random.Generator, h: Heart, lungs: np.ndarray, hu: HU):
    """Branching tubes in the lungs: (points, radius, HU)."""
    tubes = []
    roots = [h.centre + np.array(v, float) for v in ([58, -24, 14], [-48, -30, 14])]
    for root in roots:
        queue = [
            (root + rng.normal(0, 7, 3), rng.normal(0, 1, 3), rng.uniform(2.2, 4.2), 0) for _ in range(16)
        ]
        while queue:
            point, way, r, depth = queue.pop()
            value = hu["lung vessels"] * rng.uniform(0.8, 1.0)
            line = [point]
            for _ in range(int(rng.integers(4, 9))):
                way = way / np.linalg.norm(way) + rng.normal(0, 0.22, 3)
                line.append(line[-1] + 4.0 * way / np.linalg.norm(way))
            points = polyline(line, 0.6)
            width = np.linspace(r, 0.75 * r, len(points))
            inside = sample(lungs, h.lattice, points) > 0.5 * width
            if inside.any():
                tubes.append((points[inside], width[inside], value))
            if depth < 4 and r > 0.7:
                for _ in range(2):
                    queue.append(
                        (points[-1], way + rng.normal(0, 0.6, 3), r * rng.uniform(0.6, 0.8), depth + 1)
                    )
    return tubes
