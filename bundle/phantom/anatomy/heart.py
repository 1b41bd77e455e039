"""The heart and its great vessels.

Sizes follow the usual adult figures: left ventricle 45 to 55 mm across with walls of 8 to 12 mm, ascending
aorta 33 +- 4 mm, sinuses 29 to 40 mm; left ostium 14.4 mm and right ostium 16 to 17 mm above the annulus.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from bundle.phantom.core import Contrast
from bundle.phantom.core import fields as f

from .chest import Chest, Organ

__all__ = ["add_heart", "on_wall"]


def add_heart(rng, chest: Chest, p, rough, c: Contrast) -> None:
    """Chambers, valves, great vessels and the ostia; `p` are patient coordinates of the coarse grid."""
    h, size = chest.frame, chest.scale

    def vary():
        return float(np.clip(rng.normal(1, 0.06), 0.85, 1.15))

    def blob(centre, axes):
        return size * f.ellipsoid(p, centre, np.array(axes) * vary(), h.axes)

    base_plane = size * f.half_space(p, h.at(-4.0), -h.a)
    wall = rng.uniform(7.5, 12.0)
    lv_radius = rng.uniform(22, 27)
    lv_axes = np.array([74.0, lv_radius + wall, lv_radius + wall]) * [vary(), 1, 1]
    lv_epi = f.smooth_intersection(size * f.ellipsoid(p, h.at(18, -12, 0), lv_axes, h.axes), base_plane, 8)
    lv_cavity = size * f.ellipsoid(p, h.at(14, -12, 0), lv_axes - [wall * 0.8, wall, wall], h.axes)
    lv_cavity = f.smooth_intersection(lv_cavity, size * f.half_space(p, h.at(0.0), -h.a), 5)
    lv_cavity = lv_cavity + rng.uniform(0.5, 1.6) * rough
    papillary = ([h.at(30, -12 - 14 * s, 13 * s), h.at(58, -12 - 9 * s, 9 * s)] for s in (1, -1))
    lv_cavity = f.without(lv_cavity, f.union(*(chest.tube(line, [3.0, 5.5], 8) for line in papillary)))

    rv_axes = np.array([62.0, 36.0, 40.0]) * [vary(), vary(), vary()]
    rv_epi = f.smooth_intersection(size * f.ellipsoid(p, h.at(18, 20, -2), rv_axes, h.axes), base_plane, 8)
    pulmonary_valve = h.at(-2, 13, 45)
    rvot = chest.tube([h.at(22, 22, 22), h.at(10, 18, 36), pulmonary_valve], [16, 15, 13.5])
    rv_epi = f.smooth_union(rv_epi, rvot, 8)
    rv_wall = rng.uniform(2.5, 4.5)
    rv_cavity = f.without(rv_epi + rv_wall + rng.uniform(0.8, 2.2) * rough, lv_epi + 0.5)

    la = blob(h.at(-28, -20, -4), [24, 31, 27])
    appendage_left = chest.tube([h.at(-22, -34, 8), h.at(-14, -34, 24), h.at(-4, -26, 33)], [11, 9, 5])
    la = f.smooth_union(la, appendage_left, 4)
    ra = blob(h.at(-22, 36, -14), [24, 27, 33])
    appendage_right = chest.tube([h.at(-20, 36, 8), h.at(-14, 32, 24), h.at(-8, 24, 32)], [12, 10, 6])
    ra = f.smooth_union(ra, appendage_right, 4)
    septum = (ra - la) / 2
    la, ra = np.maximum(la, -septum + 1.0), np.maximum(ra, septum + 1.0)

    annulus = h.at(0, 8, 14)
    up = Rotation.from_euler("xyz", rng.normal(0, 5, 3), degrees=True).apply([0.22, 0.05, 0.97])
    tubular = rng.normal(33, 3.5) / 2 * 0.95
    stj, sinus = tubular * rng.uniform(0.88, 1.0), tubular * rng.uniform(1.0, 1.15)
    aorta_radii = [12, 12.5, stj, tubular, tubular, tubular * 0.95, tubular * 0.9]
    arch = annulus + 56 * up
    aorta_points = [annulus + mm * up for mm in (-12, 0, 22, 40, 56)]
    aorta_points += [arch + [-8, -18, 22], arch + [-30, -55, 14]]
    aorta = chest.tube(aorta_points, aorta_radii)
    cusps = {"left": [-0.92, -0.18, 0], "right": [0.40, 0.92, 0], "non": [0.45, -0.9, 0]}
    twist = Rotation.from_rotvec(np.deg2rad(rng.normal(0, 8)) * up)
    for name, toward in cusps.items():
        toward = twist.apply(np.array(toward, float))
        toward -= (toward @ up) * up
        toward /= np.linalg.norm(toward)
        centre = annulus + 10 * up + (sinus * 0.42) * toward
        aorta = f.smooth_union(aorta, size * f.ellipsoid(p, centre, np.full(3, sinus * 0.62)), 3)
        if name != "non":
            height = rng.normal(*((14.4, 2.0) if name == "left" else (16.0, 2.4)))
            chest.ostia[name] = (annulus + height * up, toward)
    lvot = chest.tube([h.at(16, -4, 6), annulus], [11, 12])
    lv_cavity = f.smooth_union(lv_cavity, lvot, 4)

    fork = pulmonary_valve + [-10, -24, 26]
    trunk = chest.tube([pulmonary_valve, pulmonary_valve + [-7, -6, 13], fork], [13.5, 13, 12])
    left_pa = chest.tube([fork, fork + [-18, -16, 3], fork + [-46, -34, -4]], [10, 9.5, 7])
    right_pa = chest.tube([fork, fork + [22, -20, -1], fork + [72, -28, -8]], [10, 10, 7])
    pulmonary = f.without(f.union(trunk, left_pa, right_pa), aorta - 2.5)

    svc = chest.tube([h.at(-26, 36, 8), [56, -10, 52], [54, -8, 118]], [11, 9.5, 9])
    ivc = chest.tube([h.at(-20, 38, -34), [56, -22, -45], [52, -30, -110], [42, -55, -220]], [12, 12, 12, 11])
    lung_veins = f.union(
        chest.tube([h.at(-30, -34, 4), [-25, -48, 44], [-62, -55, 55]], [8, 6.5, 4.5]),
        chest.tube([h.at(-30, -36, -10), [-25, -62, 18], [-60, -85, 5]], [8, 6.5, 4.5]),
        chest.tube([h.at(-36, 0, 10), [62, -38, 44], [95, -45, 52]], [8, 6.5, 4.5]),
        chest.tube([h.at(-38, -2, -6), [58, -58, 20], [92, -80, 4]], [8, 6.5, 4.5]),
    )
    pulmonary = f.without(pulmonary, f.union(la, svc) - 1.5)
    la_all = f.without(f.smooth_union(la, lung_veins, 3), aorta - 2.0)
    ra_all = f.without(f.smooth_union(f.smooth_union(ra, svc, 3), ivc, 3), aorta - 2.0)

    ventricles = f.smooth_union(lv_epi, rv_epi, 5)
    chest.surface = f.smooth_union(
        f.smooth_union(ventricles, f.union(la_all, ra_all) - 1.5, 4), f.union(aorta, pulmonary) - 1.5, 3
    )
    chest.core = f.smooth_union(f.smooth_union(ventricles, f.union(la, ra), 12), f.union(aorta, trunk), 8)
    chest.aorta = aorta
    for name, (start, toward) in chest.ostia.items():
        turned = chest.to_patient.inv().apply(toward)
        chest.ostia[name] = on_wall(chest, chest.to_scanner(start)[0], turned)
    chest.up = chest.to_patient.inv().apply(up)

    atrial_wall, artery_wall = rng.uniform(1.2, 2.5), rng.uniform(1.0, 2.0)
    valve = f.union(
        np.maximum(
            np.abs(size * f.half_space(p, h.at(-1, 0, 0), h.a)) - 1.5,
            size * f.ellipsoid(p, h.at(-1, -12, -2), [6, 18, 20], h.axes),
        ),
        np.maximum(np.abs(size * f.half_space(p, annulus + 4 * up, up)) - 1.5, aorta),
    )
    rv_cavity = f.without(rv_cavity, aorta - 2.5)
    chest.organs = [
        Organ("right ventricle wall", rv_epi, c.myocardium * rng.uniform(0.75, 1.0), 8),
        Organ("left ventricle wall", lv_epi, c.myocardium, 8),
        Organ("atrial wall", f.union(la_all, ra_all) - atrial_wall, c.myocardium * 0.8, 6),
        Organ("pulmonary wall", pulmonary - artery_wall, c.muscle + 10),
        Organ("aortic wall", aorta - artery_wall, c.muscle + 15),
        Organ("right ventricle", rv_cavity, c.right_ventricle, c.right_mixing * 0.5),
        Organ("right atrium", ra_all, c.right_atrium, c.right_mixing),
        Organ("superior vena cava", f.without(svc, ra - 2.0), c.vena_cava, c.right_mixing),
        Organ("pulmonary arteries", pulmonary, c.pulmonary, 6),
        Organ("left atrium", la_all, c.left_atrium, 6),
        Organ("left ventricle", lv_cavity, c.left_ventricle, 10),
        Organ("aorta", aorta, c.aorta, 5),
    ]
    if rng.random() < 0.7:
        chest.organs.append(Organ("valve leaflets", valve, c.myocardium * 0.9))


def on_wall(chest: Chest, start: np.ndarray, toward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a line from the aorta's axis leaves the aorta, and its direction; scanner coordinates (mm)."""
    line = start + np.arange(0, 40, 0.25)[:, None] * toward
    inside = f.sample(chest.aorta, chest.grid, line) < 0
    last = int(np.argmin(inside)) if not inside.all() else len(line) - 1
    return line[max(last, 1)], toward
