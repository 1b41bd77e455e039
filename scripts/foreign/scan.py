"""What a scanner does to attenuation: kernel, motion, streaks, rings, noise, slabs that do not meet."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .shapes import Lattice

__all__ = ["draw_scanner", "move", "scan"]


ORIENTATIONS = {"LPS": 0.35, "LAS": 0.2, "RAS": 0.17, "LPI": 0.1, "RPS": 0.08, "ASL": 0.05, "RAI": 0.05}


def draw_scanner(rng: np.random.Generator) -> dict:
    """Matrix, spacing and artefacts. Lengths in mm, noise in HU."""
    z_step = float(rng.choice([0.4, 0.45, 0.5, 0.6, 0.625], p=[0.15, 0.15, 0.4, 0.1, 0.2]))
    field = float(rng.uniform(170, 230))
    moving, stepped = rng.random() < 0.3, rng.random() < 0.2
    seams = np.arange(rng.uniform(20, 40), 180, rng.uniform(28, 40))
    return {
        "field_mm": field, "slice_mm": z_step,
        "slices": int(np.clip(rng.normal(138, 14), 110, 175) / z_step),
        "blur_mm": float(rng.uniform(0.2, 0.5)), "blur_z_mm": float(rng.uniform(0.2, 0.5)),
        "sharpen": float(rng.uniform(0, 0.9)) if rng.random() < 0.4 else 0.0,
        "noise_hu": float(np.clip(np.exp(rng.normal(np.log(28), 0.4)), 10, 75)),
        "grain_mm": float(rng.uniform(0.25, 0.65)), "coarse_share": float(rng.uniform(0, 0.5)),
        "streak_hu": float(rng.uniform(5, 45)) if rng.random() < 0.6 else 0.0,
        "ring_hu": float(rng.uniform(2, 9)) if rng.random() < 0.25 else 0.0,
        "motion_mm": float(rng.uniform(0.5, 2.5)) if moving else 0.0,
        "motion_angle": float(rng.uniform(0, np.pi)),
        "motion_range": sorted(rng.uniform(0.1, 0.95, 2).tolist()),
        "slabs": [(float(z), *rng.normal(0, 0.8, 2).tolist()) for z in seams] if stepped else [],
        "orientation": str(rng.choice(list(ORIENTATIONS), p=list(ORIENTATIONS.values()))),
        "tilt_degrees": rng.normal(0, 5, 3).tolist() if rng.random() < 0.25 else [0.0, 0.0, 0.0],
    }  # fmt: skip


def move(points: np.ndarray, fine: Lattice, slabs) -> np.ndarray:
    """Points (N, 3) as the slabs show them."""
    points = points.copy()
    for k, shift in zip(*_slab_of(points[:, 2] - fine.origin[2], slabs)):
        points[k, :2] += shift
    return points


def _slab_of(height, slabs):
    if not slabs:
        return (), ()
    which = np.searchsorted([s[0] for s in slabs], height) - 1
    chosen = np.flatnonzero(which >= 0)
    return chosen, [np.array(slabs[which[i]][1:]) for i in chosen]


def shift_slabs(image: np.ndarray, fine: Lattice, slabs, order: int) -> np.ndarray:
    """Each slice (Z, Y, X) moved as its slab."""
    for k, shift in zip(*_slab_of(fine.axis(2) - fine.origin[2], slabs)):
        image[k] = ndimage.shift(image[k], shift[::-1] / fine.step[1::-1], order=order, mode="nearest")
    return image


def scan(rng: np.random.Generator, image: np.ndarray, fine: Lattice, s: dict, source) -> np.ndarray:
    """The image (Z, Y, X) float32 HU, changed in place where possible.

    Args:
        source: (3,) mm, the dense contrast that streaks come from.
    """
    dx, dy, dz = fine.step
    nz, ny, _ = image.shape
    if s["motion_mm"]:
        first, last = (int(v * nz) for v in s["motion_range"])
        way = s["motion_mm"] * np.array([np.sin(s["motion_angle"]) / dy, np.cos(s["motion_angle"]) / dx])
        for k in range(first, last):
            ghosts = [ndimage.shift(image[k], t * way, order=1, mode="nearest") for t in (-0.5, 0.5)]
            image[k] = 0.4 * image[k] + 0.3 * (ghosts[0] + ghosts[1])
    blur = np.array([s["blur_z_mm"] / dz, s["blur_mm"] / dy, s["blur_mm"] / dx])
    # The voxel itself is as wide as a Gaussian of 0.29 of it.
    blur = np.sqrt(np.maximum(blur**2 - 0.08, 0))
    for axis in range(3):
        if blur[axis] > 0.2:
            ndimage.gaussian_filter1d(image, blur[axis], axis, output=image, truncate=3)
    if s["sharpen"]:
        for k in range(nz):
            image[k] += s["sharpen"] * (image[k] - ndimage.gaussian_filter(image[k], 0.8 / dx, truncate=2.5))
    y, x = fine.axis(1).astype(np.float32), fine.axis(0).astype(np.float32)
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    for axis, sigma in enumerate((0.45 * s["grain_mm"] / dz, s["grain_mm"] / dy, s["grain_mm"] / dx)):
        if sigma > 0.25:
            ndimage.gaussian_filter1d(grain, sigma, axis, output=grain, truncate=3)
    grain /= grain[:: max(nz // 16, 1)].std()
    # Larger voxels average more of the same noise.
    amount = s["noise_hu"] * min(1.0, 0.7 / float(np.mean(fine.step)))
    strength = 1.15 - 0.35 * ((x / x[-1])[None] ** 2 + (y / y[-1])[:, None] ** 2)
    far = np.hypot(x[None] - source[0], y[:, None] - source[1])
    turn = np.arctan2(y[:, None] - source[1], x[None] - source[0])
    rays = sum(rng.normal() * np.sin(k * turn + rng.uniform(0, 6.3)) for k in rng.integers(4, 18, 5)) / 2.2
    rays = s["streak_hu"] * rays / (1 + far / 30)
    radius = np.hypot(x, y[:, None] * 1.0)
    rings = ndimage.gaussian_filter1d(rng.normal(0, 1, 800), 0.7)
    rings = s["ring_hu"] * rings[np.minimum((radius / 0.35).astype(int), 799)]
    flicker = 1 + 0.15 * ndimage.gaussian_filter1d(rng.normal(0, 1, nz), 6) * 4
    for k in range(nz):
        level = 1 / (1 + np.exp(-(fine.axis(2)[k] - source[2] + 20) / 10))
        streaky = ndimage.gaussian_filter1d(rng.normal(0, 1, ny), 1.2)[:, None] * s["streak_hu"] * 0.12
        slow = ndimage.gaussian_filter(grain[k], 1.2 / dx, truncate=2) if s["coarse_share"] > 0.25 else 0.0
        image[k] += amount * abs(flicker[k]) * strength * (grain[k] + 2 * s["coarse_share"] * slow)
        image[k] += level * rays + rings + streaky
    return image
