"""A heart on which coronaries run: its axes, where its trees begin, and the ways that its vessels take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["LABELS", "Anatomy", "heart_coordinates", "laid", "on_heart"]

LABELS = ("LM", "LAD", "LCx", "RI", "D", "S", "OM", "RCA", "CB", "AM", "PDA", "PLV")

RIGHT_MM = 6.0  # the heart's middle lies that far to the right of the left ventricle's axis
# Half axes of the surface on which the vessels run: from side to side, front to rear, and along it.
WIDE_MM, HIGH_MM, LONG_MM = 49.0, 40.0, 98.0


@dataclass(frozen=True, eq=False)
class Anatomy:
    """An ordinary heart.

    axes: (3, 3) rows, RAS: from left to right ventricle, to the apex, to the front groove. ostia: (3,) mm
    in the heart's frame, where the trees of the sides "left" and "right" begin. lines: of each of `LABELS`
    one or several ways (N, 3), mm in that frame, away from the ostium.
    """

    axes: np.ndarray
    ostia: dict[str, np.ndarray]
    lines: dict[str, list[np.ndarray]]

    @classmethod
    def of(
        cls,
        apex: Sequence[float],
        right: Sequence[float],
        ostia: dict[str, Sequence[float]],
        lines: dict[str, list[np.ndarray]],
    ) -> Anatomy:
        """With the directions, RAS, to the apex and, about, to the right ventricle."""
        to_apex, to_right = (np.array(way) / np.linalg.norm(way) for way in (apex, right))
        to_right = to_right - (to_right @ to_apex) * to_apex
        to_right /= np.linalg.norm(to_right)
        axes = np.stack([to_right, to_apex, np.cross(to_right, to_apex)])
        return cls(axes, {side: np.array(place) for side, place in ostia.items()}, lines)


def on_heart(mm: float, degrees: float, share: float = 1.0) -> np.ndarray:
    """A place (3,) on a heart, mm in its frame.

    Args:
        mm: from the base along the long axis.
        degrees: around it: 0 over the right ventricle, 90 at the front groove between the ventricles, 180
            over the left ventricle's side, -90 at the rear groove.
        share: of the surface's distance from the axis.
    """
    turn, wide = np.deg2rad(degrees), share * _narrower(mm)
    return np.array([RIGHT_MM + wide * WIDE_MM * np.cos(turn), mm, wide * HIGH_MM * np.sin(turn)])


def heart_coordinates(points: np.ndarray) -> np.ndarray:
    """mm, degrees and share (N, 3), as `on_heart` takes them, of points (N, 3) in the heart's frame, mm."""
    x, z = (points[:, 0] - RIGHT_MM) / WIDE_MM, points[:, 2] / HIGH_MM
    share = np.hypot(x, z) / _narrower(points[:, 1])
    return np.stack([points[:, 1], np.degrees(np.arctan2(z, x)), share], 1)


def _narrower(mm: np.ndarray | float) -> np.ndarray:
    """The surface's distance from the axis at mm along it, as a share of that at the base."""
    return np.sqrt(np.maximum(1 - (np.maximum(mm, 0.0) / LONG_MM) ** 2, 0.02))


def laid(*places: tuple[float, ...]) -> np.ndarray:
    """A way (N, 3) by places of `on_heart`."""
    return np.array([on_heart(*place) for place in places])
