"""From a drawn patient to attenuation: organs, shading and vessels on the scan's grid, before the scanner."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bundle.phantom.anatomy import Chest
from bundle.phantom.core import Contrast
from bundle.phantom.core import fields as f
from bundle.phantom.vessels import STEP, Coronaries, Deposits, TubeRaster, draw_lookalikes

__all__ = ["paint_organs", "paint_vessels", "streaks"]

EDGE_MARGIN = 3.0


def paint_organs(rng, chest: Chest, grid: f.Grid, shading: np.ndarray, workers: int = 1) -> np.ndarray:
    """Organs and shading as (z, y, x) float32 HU, in slabs of slices so that memory stays small."""
    up = f.Upsampler(chest.grid, grid)
    edge = float(np.prod(grid.spacing) ** (1 / 3))
    textures = [f.smooth_noise(rng, chest.grid, scale) for scale in (6.0, 14.0)]
    layers = []
    for organ in chest.organs:
        box = up.box(organ.sdf, EDGE_MARGIN)
        if box is not None:
            layers.append((organ, box, textures[int(rng.integers(2))]))
    image = np.empty(grid.zyx, np.float32)
    depth = max(4, int(4e6 / (grid.shape[0] * grid.shape[1])))

    def slab(first: int) -> None:
        last = min(first + depth, grid.shape[2])
        part = image[first:last]
        part[:] = -1000.0
        for organ, box, texture in layers:
            z = slice(max(box[0].start, first), min(box[0].stop, last))
            if z.start >= z.stop:
                continue
            where = (z, *box[1:])
            sdf = up(organ.sdf, where)
            target = part[z.start - first : z.stop - first, box[1], box[2]]
            # coverage = clip(0.5 - sdf / edge, 0, 1), in place
            sdf *= -1 / edge
            sdf += 0.5
            np.clip(sdf, 0, 1, out=sdf)
            value = organ.hu
            if organ.texture:
                value = up(texture, where)
                value *= organ.texture
                value += organ.hu
            target += (value - target) * sdf
        part += up(shading, (slice(first, last), slice(0, grid.shape[1]), slice(0, grid.shape[0])))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(slab, range(0, grid.shape[2], depth)))
    return image


def streaks(rng, chest: Chest, strength: float) -> np.ndarray:
    """Beam hardening: rays around the dense contrast of the superior vena cava, fading with distance."""
    shading = 6.0 * f.smooth_noise(rng, chest.grid, 45.0)
    if strength:
        z, y, x = (chest.grid.axis(i).astype(np.float32) for i in (2, 1, 0))
        source = chest.to_scanner(np.array([55.0, -8.0, 60.0]))[0]
        dx, dy = x[None, :] - source[0], y[:, None] - source[1]
        angle, distance = np.arctan2(dy, dx), np.hypot(dx, dy)
        rays = sum(rng.normal() * np.cos(k * angle + rng.uniform(0, 6.3)) for k in rng.integers(3, 14, 4)) / 2
        above = 1 / (1 + np.exp(-(z - source[2] + 25) / 12))
        shading += above[:, None, None] * (strength * rays * np.exp(-distance / 45))[None]
    return shading.astype(np.float32)


def paint_vessels(
    rng, image, chest: Chest, grid: f.Grid, contrast: Contrast, tree: Coronaries, deposits: Deposits
) -> np.ndarray:
    """Paint veins, arterial wall and plaque, lumen, calcium and metal into `image` (z, y, x) HU.

    Returns:
        the part of every voxel that is lumen, (z, y, x) float32 in [0, 1].
    """
    samples = tuple(int(max(1, np.ceil(s / 0.6))) for s in grid.spacing)  # at most about 0.6 mm apart
    flat = image.reshape(-1)

    def paint(tubes, samples=samples):
        raster = TubeRaster(grid, samples)
        raster.add(tubes)
        voxels, filled, value = raster.coverage()
        flat[voxels] += filled * (value - flat[voxels])
        return voxels, filled

    paint(draw_lookalikes(rng, chest, contrast), tuple(max(1, n // 2) for n in samples))
    paint([(p, r, contrast.vein * rng.uniform(0.85, 1.1)) for p, r in tree.veins])
    walls = []
    for branch in tree.branches:
        thick = branch.outer - branch.radius > 0.9
        plaque = np.where(thick, contrast.soft_plaque, contrast.muscle - 10.0)
        begin = 0 if branch.parent else 6
        walls.append((branch.vessel[begin:], branch.outer[begin:], plaque[begin:]))
    paint(walls)
    lumens = []
    for branch in tree.branches:
        from_ostium = np.arange(len(branch.points)) * STEP + tree.distance_to_origin(branch)
        hu = contrast.coronary * (1 - contrast.distal_loss * from_ostium / 100)
        lumens.append((branch.points, branch.radius, np.maximum(hu, 0.35 * contrast.coronary)))
    voxels, filled = paint(lumens)
    for tubes in filter(None, (deposits.calcium, deposits.metal)):
        paint(tubes)
    lumen = np.zeros(grid.zyx, np.float32)
    lumen.reshape(-1)[voxels] = filled
    # The lumen begins at the ostium: what lies in the aorta is aorta.
    up = f.Upsampler(chest.grid, grid)
    box = up.box(chest.aorta, EDGE_MARGIN)
    if box is not None:
        edge = float(np.prod(grid.spacing) ** (1 / 3))
        lumen[box] *= 1 - np.clip(0.5 - up(chest.aorta, box) / edge, 0, 1)
    return lumen
