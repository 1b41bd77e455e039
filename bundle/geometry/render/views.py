"""Directions to look from, with the patient's sides at the picture's edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["ANTERIOR", "LEFT", "SUPERIOR", "View", "view_at"]

_SIDES = ("A", "L", "P", "R")  # towards the viewer at 0, 90, 180 and 270 degrees
_STRAIGHT = {0: "Anterior", 90: "Left", 180: "Posterior", 270: "Right"}


@dataclass(frozen=True)
class View:
    """A direction to look from, in RAS, and the patient's sides at the picture's four edges."""

    title: str
    towards_viewer: tuple[float, float, float]
    up: tuple[float, float, float]
    edges: tuple[str, str, str, str]  # left, right, top, bottom


ANTERIOR = View("Anterior", (0, 1, 0), (0, 0, 1), ("R", "L", "S", "I"))
LEFT = View("Left", (-1, 0, 0), (0, 0, 1), ("A", "P", "S", "I"))
SUPERIOR = View("Superior", (0, 0, 1), (0, 1, 0), ("L", "R", "A", "P"))


def view_at(angle_deg: float) -> View:
    """The view from in front, turned by an angle towards the patient's left, named as in angiography.

    The letters at its sides are those that are nearest: of 30 degrees right and left, of 60 front and back.
    """
    turn = np.radians(angle_deg)
    angle = round(angle_deg) % 360
    if angle in _STRAIGHT:
        title = _STRAIGHT[angle]
    else:
        off = angle if angle <= 90 else abs(180 - angle) if angle <= 270 else 360 - angle
        title = f"{'L' if angle < 180 else 'R'}{'A' if angle < 90 or angle > 270 else 'P'}O {off}°"
    quarter = round(angle_deg / 90) % 4
    left, right = _SIDES[(quarter - 1) % 4], _SIDES[(quarter + 1) % 4]
    return View(title, (-np.sin(turn), np.cos(turn), 0.0), (0, 0, 1), (left, right, "S", "I"))
