"""Everything around the heart: chest wall, lungs, mediastinum, abdomen, and the fat the coronaries lie in."""

from __future__ import annotations

import numpy as np

from bundle.phantom.core import Contrast
from bundle.phantom.core import fields as f

from .chest import Chest, Organ

__all__ = ["add_surroundings"]


def add_surroundings(rng, chest: Chest, p, contrast: Contrast) -> None:
    """Everything outside the heart, painted before it."""
    grid, size, c = chest.grid, chest.scale, contrast
    wide = f.smooth_noise(rng, grid, 30.0)

    body_axes = np.array([rng.uniform(160, 195), rng.uniform(105, 130)])

    def cylinder(axes, centre=(22, -38)):
        return size * f.cylinder(p, centre, axes)

    fat_under_skin = rng.uniform(8, 25)
    body = cylinder(body_axes)
    muscle = cylinder(body_axes - fat_under_skin) + 2.0 * wide
    thorax = cylinder(body_axes - fat_under_skin - rng.uniform(12, 18))

    fat_depth = rng.uniform(3, 11)
    ventricles = size * f.ellipsoid(p, chest.frame.at(20, 0, 0), [78, 42, 42], chest.frame.axes)
    sac = f.smooth_union(chest.core, ventricles, 20) - fat_depth - 2.0 * wide * (fat_depth > 4)
    dome_height = rng.uniform(-50, -36)
    right_dome = size * f.ellipsoid(p, [85, -30, dome_height - 95], [95, 95, 95])
    left_dome = size * f.ellipsoid(p, [-30, -25, dome_height - 112], [105, 95, 100])
    diaphragm = f.union(right_dome, left_dome) + 1.5 * wide
    column = cylinder([rng.uniform(28, 38), 36.0], (14, -62))
    front = cylinder([rng.uniform(10, 26), 22.0], (14, 58))
    mediastinum = f.smooth_union(f.smooth_union(sac - 0.5, column, 15), front, 12)
    apex = size * f.ellipsoid(p, [22, -38, -20], [170, 130, 160])  # the lungs end at the collar bones
    lungs = np.maximum(np.maximum(thorax, -mediastinum), np.maximum(1.0 - diaphragm, apex))
    chest.lungs, chest.abdomen = lungs, np.maximum(diaphragm + 2.5, thorax)

    pericardium = rng.uniform(0.4, 0.9)  # half of its thickness, fluid included
    discs = np.abs(((p[..., 2] + rng.uniform(0, 30)) % 28) - 14) - 11.0
    vertebrae = np.maximum(cylinder([18.0, 16.0], (20, -98)), discs)
    arch = f.without(cylinder([26.0, 24.0], (20, -118)), cylinder([9.0, 8.0], (20, -117)))
    sternum = size * f.ellipsoid(p, [22, body_axes[1] - fat_under_skin - 38 - 10, 0], [17, 6.0, 110])
    ribs = None
    for side in (-1, 1):
        for level in np.arange(-170, 200, rng.uniform(21, 26)):
            angle = np.linspace(-1.35, 1.25, 14)
            axes = body_axes - fat_under_skin - 7
            x, y = 22 + side * axes[0] * np.cos(angle), -38 + axes[1] * np.sin(angle)
            ring = np.stack([x, y, level - 26 * np.sin(angle) * 0.9], -1)
            ribs = f.thick_path(grid, chest.to_scanner(ring), size * 4.8, 6.0, out=ribs)
    course = [[-14, -60, 100], [-12, -72, 60], [-8, -76, 0], [2, -78, -120], [8, -74, -220]]
    descending = chest.tube(course, [13, 12.5, 12, 11, 10])
    trachea = chest.tube([[20, -40, 190], [18, -48, 82], [-14, -52, 62]], [8.5, 7.5, 5.5])
    airway = f.union(trachea, chest.tube([[18, -48, 82], [48, -52, 64]], [7.5, 5.5]))
    oesophagus = chest.tube([[12, -66, 170], [8, -70, 30], [-14, -52, -70]], [6, 7, 7])
    ahead = body_axes[1] - fat_under_skin - 58
    lines = [np.array([[22 + s * 26, ahead, z] for z in (-60, 0, 150)]) for s in (-1, 1)]
    mammary = f.union(*(f.thick_path(grid, chest.to_scanner(line), size * 1.1, 5) for line in lines))
    azygos = chest.tube([[34, -82, 80], [33, -86, -150]], [3.2, 2.8])

    bone = np.maximum(f.union(vertebrae, arch, sternum, ribs), body + 4)
    below = chest.abdomen
    liver = np.maximum(below, size * f.ellipsoid(p, [80, -25, dome_height - 80], [105, 100, 84]))
    spleen = np.maximum(below + 2, size * f.ellipsoid(p, [-82, -78, dome_height - 62], [30, 40, 52]))
    places = [[22 + x, -78, dome_height - 105 + z] for x, z in ((58, -8), (-58, 6))]
    kidneys = f.union(*(size * f.ellipsoid(p, place, [26, 24, 52]) for place in places))
    stomach = np.maximum(below + 3, size * f.ellipsoid(p, [-50, -10, dome_height - 52], [42, 48, 40]))
    around = [
        Organ("subcutaneous fat", body, c.fat, 6),
        Organ("chest wall", np.maximum(muscle, body + 2), c.muscle, 14),
        Organ("mediastinal fat", np.maximum(thorax, body + 4), c.fat + 4, 10),
        Organ("lungs", lungs, c.lung, c.lung_texture),
        Organ("diaphragm", np.maximum(diaphragm, thorax), c.muscle, 6),
        Organ("abdominal fat", below, c.fat, 10),
        Organ("liver", liver, c.liver, 6),
        Organ("stomach", stomach, rng.choice([20.0, 40.0, -700.0, 120.0]), 25),
        Organ("spleen", spleen, c.spleen, c.spleen * 0.22),
        Organ("kidneys", kidneys, c.kidney, c.kidney * 0.2),
        Organ("bone", bone, c.cortical_bone, 60),
        Organ("marrow", bone + rng.uniform(1.2, 2.2), c.marrow, 50),
        Organ("oesophagus", oesophagus, c.muscle - 10, 12),
        Organ("airway wall", f.without(airway - 1.4, descending), c.muscle - 20),
        Organ("airway", airway, -980.0),
        Organ("descending aortic wall", descending - 1.5, c.muscle + 10),
        Organ("descending aorta", descending, c.aorta * 0.98, 5),
        Organ("azygos vein", azygos, c.vein * 0.8),
        Organ("mammary arteries", mammary, c.aorta * 0.85),
        # A sheet thinner than the grid is painted as two solids: its outside, then what it holds.
        Organ("pericardium", sac - pericardium, c.muscle - rng.uniform(0, 40)),
        Organ("pericardial fat", sac + pericardium, c.epicardial_fat, 12),
    ]
    if rng.random() < 0.12:
        effusion = np.maximum(sac, -(sac + rng.uniform(2, 7) * (1 + wide)))
        around.append(Organ("pericardial effusion", effusion, rng.uniform(0, 25), 5))
    chest.organs = around + chest.organs
