"""Tubes that begin at a ball, as coronaries at the aorta, and the rule that keeps them."""

from pathlib import Path

import numpy as np
from monai.bundle import ConfigParser

from bundle.geometry.centerline import TreeRule, aorta_wall, keep_trees

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "modes" / "native.yaml"
SPACINGS = [(0.5, 0.5, 0.5), (0.35, 0.4, 0.6)]
SIZE_MM = np.array([44.0, 40.0, 72.0])
BALL_MM, BALL_RADIUS = np.array([22.0, 20.0, 12.0]), 8.0


def rule(**numbers):
    """The config's, or others."""
    read = ConfigParser.load_config_file(str(CONFIG))["keep_parts"]["rule"]
    return TreeRule(**{name: value for name, value in read.items() if name != "_target_"} | numbers)


class Scene:
    """Tubes along z on a grid of its own spacing."""

    def __init__(self, spacing):
        self.affine = np.diag([*spacing, 1.0])
        shape = np.ceil(SIZE_MM / spacing).astype(int)
        self.at = np.moveaxis(np.indices(shape), 0, -1) * spacing
        self.voxel_mm3 = float(np.prod(spacing))
        self.aorta = np.linalg.norm(self.at - BALL_MM, axis=-1) <= BALL_RADIUS
        self.left, self.right = self.tube(17.03, 20.07, 18, 66, 1.6), self.tube(27.03, 20.07, 18, 60, 1.3)
        self.left &= ~self.aorta
        self.right &= ~self.aorta

    def tube(self, x, y, low, high, radius):
        across = np.hypot(self.at[..., 0] - x, self.at[..., 1] - y)
        return (across <= radius) & (self.at[..., 2] >= low) & (self.at[..., 2] <= high)

    def keep(self, mask, least=0.9, vein=None, aorta=None, **numbers):
        wall = aorta_wall(self.aorta if aorta is None else aorta, self.affine)
        chance = np.where(mask, least, 0.0).astype(np.float32)
        return keep_trees(mask, self.affine, chance, rule(**numbers), vein, wall)
