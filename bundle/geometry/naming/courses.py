"""Where each coronary runs on a heart: the grooves and walls that give it its name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from bundle.common.polylines import arc_length, at_length, tangents

__all__ = ["LABELS", "OSTIA", "USUAL_AXES", "Courses", "courses"]

LABELS = ("LM", "LAD", "LCx", "RI", "D", "S", "OM", "RCA", "CB", "AM", "PDA", "PLV")
STEP_MM = 3.0

_RIGHT_MM = 6.0  # the heart's middle lies that far to the right of the left ventricle's axis
# Half axes of the surface on which the vessels run: from side to side, front to rear, and along it.
_WIDE_MM, _HIGH_MM, _LONG_MM = 49.0, 40.0, 98.0
_APEX = np.array([-0.62, 0.55, -0.56]) / np.linalg.norm([-0.62, 0.55, -0.56])
_RIGHT = np.array([0.60, 0.75, -0.10])
_RIGHT = (_RIGHT - (_RIGHT @ _APEX) * _APEX) / np.linalg.norm(_RIGHT - (_RIGHT @ _APEX) * _APEX)
USUAL_AXES = np.stack([_RIGHT, _APEX, np.cross(_RIGHT, _APEX)])
"""(3, 3) rows of an ordinary heart, RAS: from left to right ventricle, to the apex, to the front groove."""

# Heart coordinates: mm from the base along the long axis, and degrees around it: 0 over the right ventricle,
# 90 at the front groove between the ventricles, 180 over the left ventricle's side, -90 at the rear groove.
OSTIA = {"left": (-2.0, -2.0, 29.0), "right": (25.0, -6.0, 29.0)}
"""Where the trees begin, mm in the heart's frame."""
_GROOVE = [(0, 106), (12, 99), (28, 95), (46, 92), (66, 91), (82, 91), (90, 92)]
_LEFT_RING = [(0, 108), (-5, 126), (-7, 150), (-8, 176), (-8, 202), (-8, 228), (-7, 250)]
_RIGHT_RING = [(-5, 48), (-6, 24), (-7, 0), (-8, -28), (-8, -56), (-7, -76)]
_REAR = [(-4, -86), (6, -86), (22, -86), (44, -87), (66, -88)]


def _on_heart(mm: float, degrees: float) -> np.ndarray:
    turn, share = np.deg2rad(degrees), np.sqrt(max(1 - (max(mm, 0.0) / _LONG_MM) ** 2, 0.02))
    return np.array([_RIGHT_MM + share * _WIDE_MM * np.cos(turn), mm, share * _HIGH_MM * np.sin(turn)])


def _laid(*places: tuple[float, float]) -> np.ndarray:
    return np.array([_on_heart(*place) for place in places])


def _lines() -> dict[str, list[np.ndarray]]:
    left, right = (np.array(OSTIA[side]) for side in ("left", "right"))
    apex = [(93, -70), (84, -86)]
    lines = {
        "LM": [np.stack([left, _on_heart(0, 106)])],
        "LAD": [np.concatenate([left[None], _laid(*_GROOVE, *apex)])],
        "LCx": [np.concatenate([left[None], _laid(*_LEFT_RING)])],
        "RI": [_laid((2, 110), (9, 117), (26, 127), (46, 134), (60, 138))],
        "RCA": [np.concatenate([right[None], _laid(*_RIGHT_RING)])],
        "CB": [_laid((-4, 52), (8, 62), (22, 71), (34, 74))],
        "PDA": [_laid(*_REAR)],
        "PLV": [
            _laid((-7, -84), (-5, -106), (6, -122), (20, -130), (38, -134)),
            _laid((-8, 235), (6, 236), (22, 233), (40, 230)),
        ],
        "AM": [_laid((-5, at), (14, at + 2), (32, at + 3), (52, at + 5)) for at in range(-60, 31, 15)],
        "OM": [_laid((-5, at), (16, at + 3), (36, at + 4), (58, at + 6)) for at in range(115, 226, 15)],
    }
    lines["D"], lines["S"] = [], []
    for at in range(4, 64, 10):
        degrees = float(np.interp(at, *np.array(_GROOVE).T))
        for wide in (0.6, 1.0, 1.5):
            way = ((0, 0), (10, 13 * wide), (26, 30 * wide), (42, 42 * wide))
            lines["D"].append(_laid(*((min(at + mm, 88), degrees + turn) for mm, turn in way)))
        start = _on_heart(at, degrees)
        inwards = np.array([0.85 * (_RIGHT_MM - start[0]) / _WIDE_MM, 0.5, -0.85])
        lines["S"].append(start + np.outer([0.0, 12.0, 26.0], inwards))
    return lines


@dataclass(frozen=True, eq=False)
class Courses:
    """Samples of the ways that the vessels take, in the heart's frame (mm).

    points, tangents: (K, 3), the latter of unit length and away from the ostium. first: (L,), where the
    samples of each of `LABELS` begin. spread_mm: (L,), how far a vessel of that name may lie from them.
    radius: (K,), the logarithm of the usual radius there, mm.
    """

    points: np.ndarray
    tangents: np.ndarray
    first: np.ndarray
    spread_mm: np.ndarray
    radius: np.ndarray


_SPREAD_MM = {"LM": 6.0, "LAD": 6.0, "RI": 7.0, "D": 7.0, "S": 7.0, "LCx": 7.0, "RCA": 7.0, "PDA": 7.0}


# Radius in mm at the start and the end of the courses.
_RADIUS_MM = {"LM": (2.1, 2.1), "LAD": (1.8, 0.8), "LCx": (1.6, 0.9), "RI": (1.1, 0.7), "D": (1.0, 0.7),
              "S": (0.65, 0.5), "OM": (1.05, 0.7), "RCA": (1.75, 1.25), "CB": (0.7, 0.5), "AM": (0.8, 0.6),
              "PDA": (1.1, 0.7), "PLV": (1.0, 0.7)}  # fmt: skip


@cache
def courses(step_mm: float = STEP_MM) -> Courses:
    """The ways of `LABELS`, after the grooves of the heart.

    Source: SCCT's 18 segments (Leipsic et al., JCCT 2014) for what runs where; lengths of the way along the
    grooves as in adults (the ring about 46 mm in radius, base to apex 104 mm).
    """
    points, directions, radius, first = [], [], [], [0]
    lines = _lines()
    for label in LABELS:
        for line in lines[label]:
            total = arc_length(line)[-1]
            fine = at_length(line, line, np.linspace(0, total, max(round(total / step_mm), 2) + 1))
            points.append(fine)
            directions.append(tangents(fine))
            radius.append(np.linspace(*np.log(_RADIUS_MM[label]), len(fine)))
        first.append(sum(map(len, points)))
    spread = np.array([_SPREAD_MM.get(label, 8.0) for label in LABELS])
    samples = (np.concatenate(values) for values in (points, directions, radius))
    points, directions, radius = samples
    return Courses(points, directions, np.array(first[:-1]), spread, radius)


def ostium(side: str) -> np.ndarray:
    """(3,) mm in the heart's frame: where the tree of a side ("left", "right") begins."""
    return np.array(OSTIA[side])
