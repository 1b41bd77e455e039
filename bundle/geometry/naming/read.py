"""The heart of patients: where their coronaries run in the mean.

Means over the trees of 20 patients, from scanners of four makers, which readers had named: the labels of
TopoLab (Zhang et al., MICCAI 2023) for the scans of orCaScore, laid on each other as similar figures.
Places are those of `on_heart`: mm, degrees, and the share of the surface's distance where it is not 1.
"""

from __future__ import annotations

import numpy as np

from .anatomy import Anatomy, laid, on_heart

__all__ = ["READ"]

_OSTIA = {"left": (0.0, -16.0, 38.0), "right": (28.0, -5.0, 26.0)}
_FORK = (-10, 103, 1.05)  # of the left main
_GROOVE = [
    _FORK,
    (0, 103, 1.12),
    (9, 104, 1.15),
    (18, 104, 1.17),
    (27, 102, 1.13),
    (35, 99, 1.06),
    (43, 95),
    (49, 91, 0.87),
    (55, 85, 0.75),
    (61, 79, 0.58),
    (67, 61, 0.4),
    (73, 0, 0.27),
    (77, -60, 0.5),
]
_LEFT_RING = [
    _FORK,
    (-7, 113, 0.93),
    (-3, 123, 0.96),
    (-2, 133),
    (-3, 143, 1.03),
    (-4, 155, 1.03),
    (-5, 168),
    (-5, 180),
    (-6, 200),
    (-7, 225),
    (-7, 250),
]
_RIGHT_RING = [
    (-5, 44, 0.86),
    (-6, 30, 0.88),
    (-6, 18, 0.85),
    (-6, 3, 0.91),
    (-6, -12, 0.97),
    (-6, -25, 1.04),
    (-5, -36, 1.09),
    (-4, -46, 1.13),
    (-4, -58, 1.12),
    (-4, -68, 1.1),
    (-4, -78, 1.05),
]
# How side branches go on from where they leave: mm along and degrees around, after 10, 20, 30, 45 and 60 mm.
_D_ON = [(8, 5), (16, 9), (24, 14), (35, 22), (44, 34)]
_OM_ON = [(4, 7), (9, 16), (14, 25), (25, 38), (36, 50)]
_AM_ON = [(5, -7), (11, -10), (18, -12), (29, -15), (38, -20)]


def _side(
    start: tuple[float, float],
    onward: list[tuple[float, float]],
    shares: list[float],
    wide: float = 1.0,
) -> np.ndarray:
    """A side branch (6, 3) from its take-off; `wide` times as many degrees around as usual."""
    mm, degrees = start
    places = [(mm, degrees), *((mm + a, degrees + wide * b) for a, b in onward)]
    return laid(*((*place, share) for place, share in zip(places, shares)))


def _lines() -> dict[str, list[np.ndarray]]:
    left, right = (np.array(_OSTIA[side]) for side in ("left", "right"))
    lines = {
        "LM": [np.stack([left, on_heart(*_FORK)])],
        "LAD": [np.concatenate([left[None], laid(*_GROOVE)])],
        "LCx": [
            np.concatenate([left[None], laid(*_LEFT_RING)]),
            # leaving the groove, where it has no further branch there
            laid((-4, 143, 1.03), (4, 152, 1.08), (14, 160, 1.1), (28, 167, 1.1), (42, 172, 1.05)),
            laid((-5, 168), (3, 177, 1.05), (14, 183, 1.1), (28, 188, 1.1), (42, 192, 1.05)),
        ],
        "RI": [
            laid((-8, 103), (0, 108, 1.08), (8, 114, 1.13), (14, 121, 1.17), (24, 132, 1.14), (33, 142, 1.09))
        ],
        "RCA": [np.concatenate([right[None], laid(*_RIGHT_RING)])],
        "CB": [laid((-4, 50, 0.8), (-6, 53), (-4, 53, 1.16), (6, 49, 1.2), (19, 44, 1.15))],
        "PDA": [
            laid((-4, -76), (2, -82, 1.05), (9, -89, 1.05), (18, -93, 1.05), (30, -97, 1.1), (45, -102, 1.1)),
            # leaving at the acute margin
            laid(
                (-5, -36, 1.15),
                (0, -43, 1.25),
                (6, -48, 1.35),
                (13, -54, 1.35),
                (22, -62, 1.3),
                (30, -75, 1.2),
            ),
        ],
        "PLV": [
            laid(
                (-4, -78, 0.9),
                (-4, -92, 0.75),
                (-5, -106, 0.75),
                (-4, -114, 0.95),
                (5, -117, 1.1),
                (16, -120, 1.2),
                (32, -124, 1.2),
            ),
            laid((-5, -108, 0.8), (-6, -120, 0.85), (-5, -132, 0.95), (2, -137), (10, -140, 1.05)),
            laid((-2, -96, 0.9), (4, -105, 0.95), (12, -108), (24, -109), (36, -110)),
            laid((-8, 235), (6, 236), (22, 233), (40, 230)),
        ],
        "AM": [_side((-6, at), _AM_ON, [1.0, 1.1, 1.15, 1.15, 1.1, 1.1]) for at in range(-45, 50, 15)],
        "OM": [_side((-4, at), _OM_ON, [1.0, 1.07, 1.13, 1.13, 1.1, 1.05]) for at in range(108, 226, 14)],
    }
    lines["D"], lines["S"] = [], []
    for place in _GROOVE[1:9]:
        mm, degrees, share = (*place, 1.0)[:3]
        for wide in (0.6, 1.0, 1.6):
            shares = [share + 0.03, share + 0.03, share, share - 0.05, share - 0.1, share - 0.2]
            lines["D"].append(_side((mm, degrees + 1), _D_ON, shares, wide))
        start = on_heart(mm, degrees, share)
        inwards = np.array([0.25, 0.35, -0.9])
        lines["S"].append(start + np.outer([0.0, 12.0, 30.0], inwards))
    return lines


READ = Anatomy.of((-0.76, 0.59, -0.29), (0.60, 0.80, 0.06), _OSTIA, _lines())
"""The mean of 20 patients."""
