"""Colours of values: one palette for clouds, meshes and pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["branch_colors", "crimson_to_yellow", "nice_limits"]

# Crimson over orange to pale yellow: the paper's red and orange, legible on dark and ordered in grey.
_CRIMSON_TO_YELLOW = np.array(
    [
        [0.68, 0.13, 0.34],
        [0.83, 0.20, 0.27],
        [0.93, 0.36, 0.22],
        [0.97, 0.55, 0.28],
        [0.99, 0.75, 0.42],
        [1.00, 0.94, 0.70],
    ]
)


def crimson_to_yellow(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Colours (N, 3) uint8 of `values` (N,), `limits` being the palette's two ends."""
    low, high = limits
    stops = np.arange(len(_CRIMSON_TO_YELLOW))
    at = np.clip((np.asarray(values, float) - low) / max(high - low, 1e-9), 0, 1) * stops[-1]
    rgb = np.stack([np.interp(at, stops, channel) for channel in _CRIMSON_TO_YELLOW.T], axis=-1)
    return np.round(255 * rgb).astype(np.uint8)


def nice_limits(values: np.ndarray) -> tuple[float, float]:
    """Limits that hold the middle 96 % of the values, so that one outlier does not flatten the colours."""
    if len(values) == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, [2, 98])
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


# Okabe and Ito's colours, which colour-blind people can tell apart; the main vessels always have the same.
_VESSELS = {
    "LM": (240, 228, 66),
    "LAD": (213, 94, 0),
    "LCx": (86, 180, 233),
    "RI": (204, 121, 167),
    "RCA": (0, 158, 115),
}
_OTHERS = [(230, 159, 0), (0, 114, 178), (170, 170, 170), (148, 103, 189), (140, 196, 90), (255, 152, 150)]


def branch_colors(names: Sequence[str]) -> np.ndarray:
    """A colour for each branch by its name, (N, 3) uint8; side branches take turns among six."""
    rows = [_VESSELS.get(name, _OTHERS[number % len(_OTHERS)]) for number, name in enumerate(names)]
    return np.array(rows, np.uint8).reshape(-1, 3)
