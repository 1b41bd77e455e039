"""The chest of one synthetic patient: every organ as a signed distance field with its attenuation.

The patient frame is RAS in mm with its origin near the middle of the heart. The heart's own frame has the long
axis `a` (base to apex, pointing left, anterior and inferior), `r` (from the left to the right ventricle) and `u`
(towards the anterior interventricular groove). Sizes follow the usual adult figures: left ventricle 45 to 55 mm
across with walls of 8 to 12 mm, ascending aorta 33 +- 4 mm, aortic sinuses 29 to 40 mm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from bundle.phantom import fields as f
from bundle.phantom.contrast import Contrast


@dataclass
class Organ:
    """One layer of the picture. Later layers are painted over earlier ones."""

    name: str
    sdf: np.ndarray
    hu: float
    texture: float = 0.0
    """Standard deviation (HU) of the smooth variation inside the organ."""


@dataclass
class HeartFrame:
    """The heart's axes and base (patient frame, mm), and the size factors drawn for this patient."""

    base: np.ndarray
    a: np.ndarray
    r: np.ndarray
    u: np.ndarray

    def at(self, a: float = 0.0, r: float = 0.0, u: float = 0.0) -> np.ndarray:
        return self.base + a * self.a + r * self.r + u * self.u

    @property
    def axes(self) -> np.ndarray:
        return np.stack([self.a, self.r, self.u])


@dataclass
class Chest:
    """Organs in painting order and what the vessels need to find their way. Fields live on `grid`."""

    grid: f.Grid
    to_patient: Rotation
    scale: float
    offset: np.ndarray
    frame: HeartFrame
    organs: list[Organ] = field(default_factory=list)
    surface: np.ndarray | None = None
    """Signed distance to the outside of heart, aortic root and pulmonary trunk: what coronaries run on."""
    core: np.ndarray | None = None
    """Signed distance to chambers and great vessels inside the pericardium."""
    left_ventricle: np.ndarray | None = None
    aorta: np.ndarray | None = None
    lungs: np.ndarray | None = None
    abdomen: np.ndarray | None = None
    ostia: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    """Left and right ostium: a point on the aortic wall and the outward direction, in scanner coordinates."""

    def to_scanner(self, points: np.ndarray) -> np.ndarray:
        return self.to_patient.inv().apply(np.atleast_2d(points)) * self.scale + self.offset


def heart_frame(rng: np.random.Generator) -> HeartFrame:
    a = np.array([-0.62, 0.55, -0.56])
    a /= np.linalg.norm(a)
    r = np.array([0.60, 0.75, -0.10])
    r -= (r @ a) * a
    r /= np.linalg.norm(r)
    u = np.cross(r, a)
    if u[2] < 0:
        u = -u
    frame = HeartFrame(base=-28.0 * a, a=a, r=r, u=u)
    turn = Rotation.from_euler("xyz", rng.normal(0, [6, 6, 9]), degrees=True)
    return HeartFrame(turn.apply(frame.base), *turn.apply(frame.axes))


def draw_chest(rng: np.random.Generator, scan: f.Grid, contrast: Contrast, step: float = 2.5) -> Chest:
    """Draw a patient and evaluate every organ on a coarse grid that covers the scan.

    The grid reaches 10 mm beyond the scan so that organs and vessels that leave it are cut, not bent.
    """
    grid = scan.coarse(step, margin=10.0)
    lie = Rotation.from_euler("xyz", rng.normal(0, [3, 3, 4]), degrees=True)
    scale = float(np.clip(rng.normal(1.0, 0.07), 0.85, 1.18))
    middle = (scan.origin + scan.far_corner) / 2
    offset = middle + rng.normal(0, [5, 5, 6]) + np.array([0, 0, -4.0])
    # A long scan shows neck or abdomen too; the heart is then anywhere in it.
    spare = max(float(scan.far_corner[2] - scan.origin[2]) - 135.0, 0.0)
    offset[2] += rng.uniform(-0.5, 0.5) * spare
    chest = Chest(grid, lie, scale, offset, heart_frame(rng))

    points = lie.apply(((grid.points() - offset) / scale).reshape(-1, 3)).astype(np.float32)
    points = points.reshape(*grid.zyx, 3)
    for axis in range(3):
        points[..., axis] += rng.uniform(0.6, 2.0) * f.smooth_noise(rng, grid, rng.uniform(25, 45))

    rough = f.smooth_noise(rng, grid, 8.0)
    _great_vessels_and_heart(rng, chest, points, rough, contrast)
    _surroundings(rng, chest, points, rough, contrast)
    return chest


def _path(chest: Chest, *points) -> np.ndarray:
    """Patient points as a smooth scanner-frame path (quadratic-ish: Chaikin corner cutting twice)."""
    p = chest.to_scanner(np.array(points, float))
    for _ in range(2):
        inner = np.concatenate([0.75 * p[:-1] + 0.25 * p[1:], 0.25 * p[:-1] + 0.75 * p[1:]], axis=1)
        p = np.concatenate([p[:1], inner.reshape(-1, 3), p[-1:]])
    return p


def _great_vessels_and_heart(rng, chest: Chest, p, rough, contrast: Contrast) -> None:
    h, grid, size = chest.frame, chest.grid, chest.scale

    def vary(spread=0.06):
        return float(np.clip(rng.normal(1, spread), 1 - 2.5 * spread, 1 + 2.5 * spread))

    def blob(centre, axes, frame=h.axes):
        return size * f.ellipsoid(p, centre, np.array(axes) * vary(), frame)

    def tube(points, radii, reach=14.0):
        path = _path(chest, *points)
        radii = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(np.atleast_1d(radii))), radii)
        return f.thick_path(grid, path, size * radii, reach)

    base_plane = size * f.half_space(p, h.at(-4.0), -h.a)
    wall = rng.uniform(7.5, 12.0)
    lv_radius = rng.uniform(22, 27)
    lv_axes = np.array([74.0, lv_radius + wall, lv_radius + wall]) * [vary(), 1, 1]
    lv_epi = f.smooth_intersection(size * f.ellipsoid(p, h.at(18, -12, 0), lv_axes, h.axes), base_plane, 8)
    lv_cavity = size * f.ellipsoid(p, h.at(14, -12, 0), lv_axes - [wall * 0.8, wall, wall], h.axes)
    lv_cavity = f.smooth_intersection(lv_cavity, size * f.half_space(p, h.at(0.0), -h.a), 5)
    lv_cavity = lv_cavity + rng.uniform(0.5, 1.6) * rough
    papillary = [
        tube([h.at(30, -12 - 14 * s, 13 * s), h.at(58, -12 - 9 * s, 9 * s)], [3.0, 5.5], 8) for s in (1, -1)
    ]
    lv_cavity = f.without(lv_cavity, f.union(*papillary))

    rv_axes = np.array([62.0, 36.0, 40.0]) * [vary(), vary(), vary()]
    rv_epi = size * f.ellipsoid(p, h.at(18, 20, -2), rv_axes, h.axes)
    rv_epi = f.smooth_intersection(rv_epi, base_plane, 8)
    pulmonary_valve = h.at(-2, 13, 45)
    rvot = tube([h.at(22, 22, 22), h.at(10, 18, 36), pulmonary_valve], [16, 15, 13.5])
    rv_epi = f.smooth_union(rv_epi, rvot, 8)
    rv_wall = rng.uniform(2.5, 4.5)
    rv_cavity = f.without(rv_epi + rv_wall + rng.uniform(0.8, 2.2) * rough, lv_epi + 0.5)

    la = blob(h.at(-28, -20, -4), [24, 31, 27])
    appendage_left = tube([h.at(-22, -34, 8), h.at(-14, -34, 24), h.at(-4, -26, 33)], [11, 9, 5])
    la = f.smooth_union(la, appendage_left, 4)
    ra = blob(h.at(-22, 36, -14), [24, 27, 33])
    appendage_right = tube([h.at(-20, 36, 8), h.at(-14, 32, 24), h.at(-8, 24, 32)], [12, 10, 6])
    ra = f.smooth_union(ra, appendage_right, 4)
    septum = (ra - la) / 2
    la, ra = np.maximum(la, -septum + 1.0), np.maximum(ra, septum + 1.0)

    annulus = h.at(0, 8, 14)
    up = Rotation.from_euler("xyz", rng.normal(0, 5, 3), degrees=True).apply([0.22, 0.05, 0.97])
    tubular = rng.normal(33, 3.5) / 2 * 0.95
    stj, sinus = tubular * rng.uniform(0.88, 1.0), tubular * rng.uniform(1.0, 1.15)
    aorta_radii = [12, 12.5, stj, tubular, tubular, tubular * 0.95, tubular * 0.9]
    arch = annulus + 56 * up
    aorta_points = [annulus - 12 * up, annulus, annulus + 22 * up, annulus + 40 * up, arch,
                    arch + [-8, -18, 22], arch + [-30, -55, 14]]
    aorta = tube(aorta_points, aorta_radii)
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
    lvot = tube([h.at(16, -4, 6), annulus], [11, 12])
    lv_cavity = f.smooth_union(lv_cavity, lvot, 4)

    fork = pulmonary_valve + [-10, -24, 26]
    trunk = tube([pulmonary_valve, pulmonary_valve + [-7, -6, 13], fork], [13.5, 13, 12])
    left_pa = tube([fork, fork + [-18, -16, 3], fork + [-46, -34, -4]], [10, 9.5, 7])
    right_pa = tube([fork, fork + [22, -20, -1], fork + [72, -28, -8]], [10, 10, 7])
    pulmonary = f.without(f.union(trunk, left_pa, right_pa), aorta - 2.5)

    svc = tube([h.at(-26, 36, 8), [56, -10, 52], [54, -8, 118]], [11, 9.5, 9])
    ivc = tube([h.at(-20, 38, -34), [56, -22, -45], [52, -30, -110], [42, -55, -220]], [12, 12, 12, 11])
    lung_veins = f.union(
        tube([h.at(-30, -34, 4), [-25, -48, 44], [-62, -55, 55]], [8, 6.5, 4.5]),
        tube([h.at(-30, -36, -10), [-25, -62, 18], [-60, -85, 5]], [8, 6.5, 4.5]),
        tube([h.at(-36, 0, 10), [62, -38, 44], [95, -45, 52]], [8, 6.5, 4.5]),
        tube([h.at(-38, -2, -6), [58, -58, 20], [92, -80, 4]], [8, 6.5, 4.5]),
    )
    pulmonary = f.without(pulmonary, f.union(la, svc) - 1.5)
    la_all = f.without(f.smooth_union(la, lung_veins, 3), aorta - 2.0)
    ra_all = f.without(f.smooth_union(f.smooth_union(ra, svc, 3), ivc, 3), aorta - 2.0)

    ventricles = f.smooth_union(lv_epi, rv_epi, 5)
    chest.surface = f.smooth_union(
        f.smooth_union(ventricles, f.union(la_all, ra_all) - 1.5, 4), f.union(aorta, pulmonary) - 1.5, 3
    )
    chest.core = f.smooth_union(f.smooth_union(ventricles, f.union(la, ra), 12), f.union(aorta, trunk), 8)
    chest.left_ventricle, chest.aorta = lv_epi, aorta
    for name in chest.ostia:
        chest.ostia[name] = _on_wall(chest, *chest.ostia[name])

    c = contrast
    atrial_wall, artery_wall = rng.uniform(1.2, 2.5), rng.uniform(1.0, 2.0)
    valve = f.union(
        np.maximum(np.abs(size * f.half_space(p, h.at(-1, 0, 0), h.a)) - 1.0,
                   size * f.ellipsoid(p, h.at(-1, -12, -2), [6, 18, 20], h.axes)),
        np.maximum(np.abs(size * f.half_space(p, annulus + 4 * up, up)) - 0.6, aorta),
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


def _on_wall(chest: Chest, start, toward):
    """March from the aortic axis to the wall; returns the point and direction in scanner coordinates."""
    a = chest.to_scanner(start)[0]
    direction = chest.to_patient.inv().apply(toward)
    steps = np.arange(0, 40, 0.25)
    line = a + steps[:, None] * direction
    inside = f.sample(chest.aorta, chest.grid, line) < 0
    last = int(np.argmin(inside)) if not inside.all() else len(steps) - 1
    return line[max(last, 1)], direction


def _surroundings(rng, chest: Chest, p, rough, contrast: Contrast) -> None:
    """Everything outside the heart, painted before it."""
    grid, size, c = chest.grid, chest.scale, contrast
    wide = f.smooth_noise(rng, grid, 30.0)

    def box_tube(points, radii, reach=10.0):
        path = _path(chest, *points)
        radii = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(np.atleast_1d(radii))), radii)
        return f.thick_path(grid, path, size * radii, reach)

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
    diaphragm = f.union(
        size * f.ellipsoid(p, [85, -30, dome_height - 95], [95, 95, 95]),
        size * f.ellipsoid(p, [-30, -25, dome_height - 112], [105, 95, 100]),
    ) + 1.5 * wide
    column = cylinder(np.array([rng.uniform(28, 38), 36.0]), (14, -62))
    front = cylinder(np.array([rng.uniform(10, 26), 22.0]), (14, 58))
    mediastinum = f.smooth_union(f.smooth_union(sac - 0.5, column, 15), front, 12)
    apex = size * f.ellipsoid(p, [22, -38, -20], [170, 130, 160])  # the lungs end at the collar bones
    lungs = np.maximum.reduce([thorax, -mediastinum, -(diaphragm - 1.0), apex])
    chest.lungs, chest.abdomen = lungs, np.maximum(diaphragm + 2.5, thorax)

    pericardium = np.abs(sac) - rng.uniform(0.4, 0.9)
    spine = f.union(cylinder(np.array([18.0, 16.0]), (20, -98)))
    discs = np.abs(((p[..., 2] + rng.uniform(0, 30)) % 28) - 14) - 11.0
    vertebrae = np.maximum(spine, discs)
    arch = np.maximum(cylinder(np.array([26.0, 24.0]), (20, -118)), -cylinder(np.array([9.0, 8.0]), (20, -117)))
    sternum = size * f.ellipsoid(p, [22, body_axes[1] - fat_under_skin - 38 - 10, 0], [17, 6.0, 110])
    ribs = []
    for side in (-1, 1):
        for level in np.arange(-170, 200, rng.uniform(21, 26)):
            angle = np.linspace(-1.35, 1.25, 14)
            axes = body_axes - fat_under_skin - 7
            ring = np.stack([22 + side * axes[0] * np.cos(angle), -38 + axes[1] * np.sin(angle),
                             level - 26 * np.sin(angle) * 0.9], -1)
            ribs.append(f.thick_path(grid, chest.to_scanner(ring), size * 4.8, 6.0))
    ribs = f.union(*ribs)
    descending = box_tube([[-14, -60, 100], [-12, -72, 60], [-8, -76, 0], [2, -78, -120], [8, -74, -220]],
                          [13, 12.5, 12, 11, 10])
    trachea = box_tube([[20, -40, 190], [18, -48, 82], [-14, -52, 62]], [8.5, 7.5, 5.5])
    bronchus = box_tube([[18, -48, 82], [48, -52, 64]], [7.5, 5.5])
    airway = f.union(trachea, bronchus)
    oesophagus = box_tube([[12, -66, 170], [8, -70, 30], [-14, -52, -70]], [6, 7, 7])
    mammary = f.union(*(
        f.thick_path(grid, chest.to_scanner(np.array([[22 + s * 26, body_axes[1] - fat_under_skin - 58, z]
                                                      for z in (-60, 0, 150)])), size * 1.1, 5) for s in (-1, 1)))
    azygos = box_tube([[34, -82, 80], [33, -86, -150]], [3.2, 2.8])

    bone = np.maximum(f.union(vertebrae, arch, sternum, ribs), body + 4)
    below = chest.abdomen
    liver = np.maximum(below, size * f.ellipsoid(p, [80, -25, dome_height - 80], [105, 100, 84]))
    spleen = np.maximum(below + 2, size * f.ellipsoid(p, [-82, -78, dome_height - 62], [30, 40, 52]))
    kidneys = f.union(*(size * f.ellipsoid(p, [22 + x, -78, dome_height - 105 + z], [26, 24, 52])
                        for x, z in ((58, -8), (-58, 6))))
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
        Organ("pericardial sac", sac, c.epicardial_fat, 12),
        Organ("pericardium", pericardium, c.muscle - rng.uniform(0, 40)),
    ]
    if rng.random() < 0.12:
        effusion = np.maximum(sac, -(sac + rng.uniform(2, 7) * (1 + wide)))
        around.append(Organ("pericardial effusion", effusion, rng.uniform(0, 25), 5))
    chest.organs = around + chest.organs
