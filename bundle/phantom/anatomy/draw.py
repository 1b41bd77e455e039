"""The chest of one synthetic patient: every organ as a signed distance field with its attenuation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from bundle.phantom.core import Contrast
from bundle.phantom.core import fields as f

from .chest import Chest, HeartFrame, heart_frame
from .heart import add_heart
from .surroundings import add_surroundings

__all__ = ["draw_chest"]


def draw_chest(
    rng: np.random.Generator,
    scan: f.Grid,
    contrast: Contrast,
    alter: Callable[[HeartFrame], HeartFrame] = lambda drawn: drawn,
) -> Chest:
    """Draw a patient and evaluate every organ on a coarse grid that covers the scan.

    The grid reaches 10 mm beyond the scan so that organs and vessels that leave it end there, not bend.

    Args:
        alter: what becomes of the heart's frame before the heart is drawn in it.
    """
    grid = scan.coarse(2.5, margin=10.0)
    lie = Rotation.from_euler("xyz", rng.normal(0, [3, 3, 4]), degrees=True)
    scale = float(np.clip(rng.normal(1.0, 0.07), 0.85, 1.18))
    offset = (scan.origin + scan.far_corner) / 2 + rng.normal(0, [5, 5, 6]) + [0, 0, -4.0]
    # A long scan shows neck or abdomen too; the heart is then anywhere in it.
    spare = max(float(scan.far_corner[2] - scan.origin[2]) - 135.0, 0.0)
    offset[2] += rng.uniform(-0.5, 0.5) * spare
    chest = Chest(grid, lie, scale, offset, alter(heart_frame(rng)))

    points = lie.apply(((grid.points() - offset) / scale).reshape(-1, 3)).astype(np.float32)
    points = points.reshape(*grid.zyx, 3)
    for axis in range(3):
        points[..., axis] += rng.uniform(0.6, 2.0) * f.smooth_noise(rng, grid, rng.uniform(25, 45))

    rough = f.smooth_noise(rng, grid, 8.0)
    add_heart(rng, chest, points, rough, contrast)
    add_surroundings(rng, chest, points, contrast)
    return chest
