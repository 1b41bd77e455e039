"""Bypass grafts: bright vessels from the front of the ascending aorta to a coronary."""

from __future__ import annotations

import numpy as np

from bundle.phantom.anatomy import Chest, on_wall
from bundle.phantom.vessels import Coronaries, Epicardium, spline

GRAFTED = 0.05
"""Part of the patients with grafts, one to three."""


def bypass_grafts(
    rng: np.random.Generator, chest: Chest, tree: Coronaries
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Grafts as (points (N, 3) mm, radii (N,) mm); of most patients none. They are no part of the label."""
    if rng.random() > GRAFTED:
        return []
    heart, up = Epicardium(chest), chest.up
    point, out = chest.ostia["right"]
    targets = [b for b in tree.branches if b.length > 30]
    grafts = []
    for _ in range(int(rng.integers(1, 4))):
        branch = targets[int(rng.integers(len(targets)))]
        end = branch.points[int(rng.uniform(0.35, 0.8) * len(branch.points))]
        start, way = on_wall(chest, point - 14 * out + rng.uniform(14, 30) * up, out)
        between = start + np.array([[0.35], [0.6], [0.82]]) * (end - start) + rng.normal(0, 3, (3, 3))
        between = heart.press(between, rng.uniform(4, 9), rounds=16)
        course = spline(np.vstack([start - 2 * way, start + 7 * way, between, end]))
        grafts.append((course, np.linspace(rng.uniform(1.3, 2.6), rng.uniform(0.8, 1.8), len(course))))
    return grafts
