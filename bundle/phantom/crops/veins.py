"""Cardiac veins beyond the few of a whole phantom, as real scans show them beside and across the arteries."""

from __future__ import annotations

import numpy as np

from bundle.phantom.anatomy import Chest
from bundle.phantom.vessels import TreeMaker


def more_veins(rng: np.random.Generator, chest: Chest) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lateral, posterior and anterior cardiac veins as (points (N, 3) mm, radii (N,) mm); none to eight.

    Some run anywhere over the heart, so that a vein is not known by its groove alone.
    """
    maker = TreeMaker(rng, chest)
    veins = []
    for _ in range(int(rng.integers(0, 5))):
        phi = rng.uniform(112, 240)
        top = rng.uniform(40, 75)
        controls = [(top, phi + rng.normal(0, 12)), (top / 2, phi + rng.normal(0, 5)), (-11, phi)]
        points = maker.vein(controls, 1.3, lift=rng.uniform(-0.5, 2))
        veins.append((points, np.linspace(rng.uniform(0.4, 0.9), rng.uniform(1.0, 2.4), len(points))))
    if rng.random() < 0.6:  # crosses the right coronary into the right atrium
        phi = rng.uniform(-20, 50)
        controls = [(rng.uniform(25, 50), phi + rng.normal(0, 8)), (8, phi), (-16, phi - 3)]
        points = maker.vein(controls, 0.9, lift=rng.uniform(0.5, 4))
        veins.append((points, np.linspace(0.4, rng.uniform(0.7, 1.5), len(points))))
    for _ in range(int(rng.integers(0, 4))):  # anywhere
        z, phi = rng.uniform(-5, 70), rng.uniform(-90, 270)
        controls = [(z, phi)]
        for _ in range(int(rng.integers(2, 4))):
            z, phi = np.clip(z + rng.normal(0, 22), -12, 80), phi + rng.normal(0, 30)
            controls.append((z, phi))
        if z > 10 and rng.random() < 0.5:  # into the coronary sinus or the right atrium
            controls.append((-12, phi + rng.normal(0, 8)))
        points = maker.vein(controls, 1.2, lift=rng.uniform(-0.5, 3))
        veins.append((points, np.linspace(rng.uniform(0.4, 1.5), rng.uniform(0.7, 2.8), len(points))))
    return veins
