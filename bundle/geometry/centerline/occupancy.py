"""Radius of a vessel from the whole of its probability, not from where that crosses a threshold.

A wall in a probability map is a ramp. Where the lumen is no wider than the ramp, the map's level set shrinks,
breaks or is lost, and noise at the wall makes that worse. The integral of the probability over the section
keeps the lumen's area: exactly, where the map is the volume fraction of lumen blurred by a voxel; with an
excess that is the same at all radii, where it is a smooth step across the wall. The excess is measured on the
same tree, where it is wide enough for level set and integral to show the same wall. It is taken off where the
middle of the section is certainly lumen, and less and less below that: a blurred map loses a thin vessel's
middle and has no excess, a step keeps the middle and has it.
"""

from __future__ import annotations

import numpy as np

__all__ = ["radius_from_integral", "wall_excess"]

_CERTAIN = 0.9
_LEAST_POINTS = 20


def wall_excess(level: np.ndarray, whole: np.ndarray, centre: np.ndarray) -> float:
    """What the ramp adds to the squared radius, mm2: 0 or more, the median over the certainly wide sections.

    Args:
        level, whole: radius (N,) mm of the same sections by level set and by integral.
        centre: probability (N,) in their middle.
    """
    wide = centre > _CERTAIN
    if wide.sum() < _LEAST_POINTS:
        return 0.0
    wide &= level >= np.median(level[wide])
    return max(float(np.median((whole**2 - level**2)[wide])), 0.0)


def radius_from_integral(whole: np.ndarray, centre: np.ndarray, excess: float) -> np.ndarray:
    """Radius (N,) mm from the integral radius and the probability in the middle, both (N,)."""
    return np.sqrt(np.maximum(whole**2 - excess * np.clip(2.0 * centre - 0.5, 0.0, 1.0), 0.0))
