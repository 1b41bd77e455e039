"""Disease: soft, mixed and calcified plaque that narrows the lumen."""

from __future__ import annotations

import numpy as np

from .vessels import STEP, Vessel

__all__ = ["add_plaque"]


def add_plaque(rng: np.random.Generator, arteries: list[Vessel], hu: dict) -> tuple[int, list, list]:
    """Narrow lumens in place.

    Returns:
        how many lesions there are, and the tubes of calcium and of soft plaque.
    """
    calcium, soft = [], []
    wanted = int(rng.integers(1, 8)) if rng.random() < 0.6 else 0
    sites = [v for v in arteries if len(v.points) * STEP > 30 and v.radius.mean() > 0.7]
    made = 0
    for _ in range(wanted if sites else 0):
        v = sites[rng.integers(len(sites))]
        length = rng.uniform(4, 16)
        at = rng.uniform(8, len(v.points) * STEP - 12)
        s = np.arange(len(v.points)) * STEP
        shape = np.exp(-(((s - at) / (0.45 * length)) ** 4))
        narrowed = float(rng.uniform(0.05, 0.75))
        middle = int(at / STEP)
        if any(abs(lesion["at_mm"] - at) < 18 for lesion in v.lesions):
            continue
        v.radius = np.maximum(v.radius * (1 - narrowed * shape), 0.25)
        kind = str(rng.choice(["soft", "mixed", "calcified"]))
        v.lesions.append(
            {
                "at_mm": float(at),
                "point": middle,
                "length_mm": float(length),
                "diameter_stenosis": narrowed,
                "kind": kind,
            }
        )
        made += 1
        chosen = np.flatnonzero(shape > 0.3)
        around = rng.uniform(1.0, 1.35)
        if kind != "calcified":
            value = rng.uniform(10, 90)
            soft.append((v.points[chosen], around * v.healthy[chosen] + 0.3, value))
        if kind != "soft":
            along = np.gradient(v.points, axis=0)
            along /= np.linalg.norm(along, axis=1, keepdims=True)
            aside = np.cross(along[middle], rng.normal(0, 1, 3))
            aside /= np.linalg.norm(aside)
            spots = np.sort(rng.choice(chosen, min(len(chosen), int(rng.integers(3, 14)))))
            width = rng.uniform(0.3, 1.1, len(spots))
            # Outside of the lumen that is left.
            centres = v.points[spots] + (v.radius[spots] + width + 0.05)[:, None] * aside
            calcium.append((centres, width, rng.uniform(500, 1500)))
    return made, calcium, soft
