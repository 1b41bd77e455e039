"""A steeper heart than that of most patients: where its coronaries run by description.

SCCT's 18 segments (Leipsic et al., JCCT 2014) say what runs where; the ring of the grooves is about 46 mm
in radius, base to apex 104 mm. The phantoms of this project have such hearts.
"""

from __future__ import annotations

import numpy as np

from .anatomy import RIGHT_MM, WIDE_MM, Anatomy, laid, on_heart

__all__ = ["STEEP"]

_OSTIA = {"left": (-2.0, -2.0, 29.0), "right": (25.0, -6.0, 29.0)}
_GROOVE = [(0, 106), (12, 99), (28, 95), (46, 92), (66, 91), (82, 91), (90, 92)]
_LEFT_RING = [(0, 108), (-5, 126), (-7, 150), (-8, 176), (-8, 202), (-8, 228), (-7, 250)]
_RIGHT_RING = [(-5, 48), (-6, 24), (-7, 0), (-8, -28), (-8, -56), (-7, -76)]
_REAR = [(-4, -86), (6, -86), (22, -86), (44, -87), (66, -88)]


def _lines() -> dict[str, list[np.ndarray]]:
    left, right = (np.array(_OSTIA[side]) for side in ("left", "right"))
    apex = [(93, -70), (84, -86)]
    lines = {
        "LM": [np.stack([left, on_heart(0, 106)])],
        "LAD": [np.concatenate([left[None], laid(*_GROOVE, *apex)])],
        "LCx": [np.concatenate([left[None], laid(*_LEFT_RING)])],
        "RI": [laid((2, 110), (9, 117), (26, 127), (46, 134), (60, 138))],
        "RCA": [np.concatenate([right[None], laid(*_RIGHT_RING)])],
        "CB": [laid((-4, 52), (8, 62), (22, 71), (34, 74))],
        "PDA": [laid(*_REAR)],
        "PLV": [
            laid((-7, -84), (-5, -106), (6, -122), (20, -130), (38, -134)),
            laid((-8, 235), (6, 236), (22, 233), (40, 230)),
        ],
        "AM": [laid((-5, at), (14, at + 2), (32, at + 3), (52, at + 5)) for at in range(-60, 31, 15)],
        "OM": [laid((-5, at), (16, at + 3), (36, at + 4), (58, at + 6)) for at in range(115, 226, 15)],
    }
    lines["D"], lines["S"] = [], []
    for at in range(4, 64, 10):
        degrees = float(np.interp(at, *np.array(_GROOVE).T))
        for wide in (0.6, 1.0, 1.5):
            way = ((0, 0), (10, 13 * wide), (26, 30 * wide), (42, 42 * wide))
            lines["D"].append(laid(*((min(at + mm, 88), degrees + turn) for mm, turn in way)))
        start = on_heart(at, degrees)
        inwards = np.array([0.85 * (RIGHT_MM - start[0]) / WIDE_MM, 0.5, -0.85])
        lines["S"].append(start + np.outer([0.0, 12.0, 26.0], inwards))
    return lines


STEEP = Anatomy.of((-0.62, 0.55, -0.56), (0.60, 0.75, -0.10), _OSTIA, _lines())
"""A heart whose long axis points down as much as forwards."""
