"""The vessels turning about the patient's long axis, as an animation."""

from __future__ import annotations

import os

import numpy as np
import pyvista as pv

from bundle.common.files import replacing

from .colors import crimson_to_yellow, nice_limits
from .page import FAINT, Page, scale_bar_mm
from .picture import View, render_view, why_not_drawn

__all__ = ["turntable", "view_at"]

_SIDES = ("A", "L", "P", "R")  # towards the viewer at 0, 90, 180 and 270 degrees
_STRAIGHT = {0: "Anterior", 90: "Left", 180: "Posterior", 270: "Right"}


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


def turntable(
    mesh: pv.PolyData,
    path: str | os.PathLike,
    values: np.ndarray | None = None,
    legend: str = "",
    title: str = "",
    limits: tuple[float, float] | None = None,
    frames: int = 36,
    size: tuple[int, int] = (480, 480),
    seconds: float = 4.0,
) -> str | None:
    """Write an animated GIF of `mesh` (RAS mm) seen from all around, beginning in front.

    Args:
        values: (N,) at the vertices, coloured over `limits` (default: the middle 96 %) and named `legend`.
        frames: pictures of one turn. size: width and height of a view in pixels; a strip comes below.

    Returns:
        None, or the sentence that says why nothing was drawn.

    Raises:
        ValueError: the mesh is empty, or there is no frame.
    """
    reason = why_not_drawn(mesh)
    if reason is not None:
        return reason
    if frames < 1:
        raise ValueError(f"a turntable has at least one frame; {frames} were asked for")
    points = np.asarray(mesh.points)
    middle = np.asarray(mesh.bounds).reshape(3, 2).mean(axis=1)
    width = 2 * float(np.hypot(*(points - middle)[:, :2].T).max())
    mm_per_pixel = 1.18 * max(width / size[0], float(np.ptp(points[:, 2])) / size[1])
    limits = limits or (nice_limits(values) if values is not None else None)
    rgb = None if values is None else crimson_to_yellow(values, limits)
    pictures = []
    for angle in 360 * np.arange(frames) / frames:
        view = view_at(float(angle))
        page = Page(size[0], size[1], round(0.14 * size[1]))
        page.panel(render_view(mesh, view, size, mm_per_pixel, rgb), 0, view.title, view.edges)
        upper, lower = size[1] + 0.035 * size[1], size[1] + 0.1 * size[1]
        page.scale_bar(1.2 * page.unit, upper, scale_bar_mm(size[0] * mm_per_pixel), mm_per_pixel)
        page.text((size[0] - 1.2 * page.unit, upper), title, anchor="rm", size=1.1, fill=FAINT)
        if values is not None:
            page.legend(size[0] - 4 * page.unit, lower, 0.35 * size[0], legend, limits)
        pictures.append(page.image)
    with replacing(path) as temporary:
        pictures[0].save(
            temporary, format="GIF", save_all=True, append_images=pictures[1:], loop=0,
            duration=round(1000 * seconds / frames),
        )  # fmt: skip
    return None
