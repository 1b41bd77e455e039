"""The vessels from three sides in one picture, and turning about the patient's long axis, off screen."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pyvista as pv

from bundle.common.files import replacing
from bundle.geometry.core import Branch

from .colors import crimson_to_yellow, nice_limits
from .joins import dashed_joins
from .labels import Label, draw_labels
from .opengl import why_no_pictures
from .page import FAINT, Page, scale_bar_mm
from .stage import Stage
from .views import ANTERIOR, LEFT, SUPERIOR, View, view_at

__all__ = ["snapshot", "turntable"]


def _extent_mm(mesh: pv.PolyData, view: View) -> tuple[float, float]:
    """Width and height of the mesh's box as seen in `view`."""
    size = np.diff(np.asarray(mesh.bounds).reshape(3, 2)).ravel()
    up, forward = np.abs(view.up), np.abs(view.towards_viewer)
    return float(size @ np.abs(np.cross(up, forward))), float(size @ up)


def _places(mesh: pv.PolyData, view: View, labels: Sequence[Label], mm_per_pixel: float) -> np.ndarray:
    """Pixels (N, 2), right and down from the panel's middle, where labels stand in a view of `Stage`."""
    low, high = np.asarray(mesh.bounds).reshape(3, 2).T
    away = np.array([label.at for label in labels], float).reshape(-1, 3) - (low + high) / 2
    right = np.cross(view.up, view.towards_viewer)
    return np.stack([away @ right, -(away @ np.array(view.up, float))], axis=-1) / mm_per_pixel


def snapshot(
    mesh: pv.PolyData,
    path: str | os.PathLike,
    values: np.ndarray,
    legend: str,
    title: str = "",
    panel: tuple[int, int] = (640, 720),
    limits: tuple[float, float] | None = None,
    rgb: np.ndarray | None = None,
    labels: Sequence[Label] = (),
    branches: Sequence[Branch] = (),
) -> str | None:
    """Write a PNG of `mesh` (RAS mm) from three sides at one scale, with sides, scale and colours named.

    Args:
        values: (N,) at the vertices, coloured and named `legend`.
        panel: width and height of one view in pixels.
        limits: of the colours; default the values' middle 96 %.
        rgb: (N, 3) uint8, where the vertices' colours are not those of their values.
        labels: written into every view, the first ones first where room is short.
        branches: of the tree; where they were joined over a gap of the mask dashes are drawn.

    Returns:
        None, or the sentence that says why no picture was made (no OpenGL library).
    """
    if reason := why_no_pictures():
        return reason
    limits = limits or nice_limits(values)
    rgb = crimson_to_yellow(values, limits) if rgb is None else rgb
    joins, views = dashed_joins(branches), (ANTERIOR, LEFT, SUPERIOR)
    title = title if joins is None else f"{title}   dashed: joined over a gap"
    extents = [_extent_mm(mesh, view) for view in views]
    mm_per_pixel = 1.18 * max(max(w / panel[0], h / panel[1]) for w, h in extents)
    strip = round(panel[1] * 0.085)
    page = Page(panel[0] * len(views), panel[1], strip)
    with Stage(mesh, rgb, panel, joins) as stage:
        seen = [stage.seen_from(view, mm_per_pixel) for view in views]
    for number, (view, pixels) in enumerate(zip(views, seen)):
        left = number * panel[0]
        page.panel(pixels, left, view.title, view.edges)
        spots = _places(mesh, view, labels, mm_per_pixel) + [left + panel[0] / 2, panel[1] / 2]
        draw_labels(page, labels, spots, (left, 3 * page.unit, left + panel[0], panel[1] - 3 * page.unit))
    baseline = panel[1] + 0.40 * strip
    page.scale_bar(1.2 * page.unit, baseline, scale_bar_mm(panel[0] * mm_per_pixel), mm_per_pixel)
    page.text((page.image.width / 2, baseline), title, size=1.1, fill=FAINT)
    page.legend(page.image.width - 4 * page.unit, baseline, 0.42 * panel[0], legend, limits)
    with replacing(path) as temporary:
        page.image.save(temporary, format="PNG")
    return None


def turntable(
    mesh: pv.PolyData,
    path: str | os.PathLike,
    values: np.ndarray,
    legend: str,
    title: str = "",
    frames: int = 36,
    size: tuple[int, int] = (480, 480),
    limits: tuple[float, float] | None = None,
    rgb: np.ndarray | None = None,
    branches: Sequence[Branch] = (),
) -> str | None:
    """Write an animated GIF of `mesh` (RAS mm) seen from all around, beginning in front, as by `snapshot`.

    Args:
        frames: pictures of one turn, which takes four seconds.
        size: width and height of a view in pixels; a strip comes below.
    """
    if reason := why_no_pictures():
        return reason
    points = np.asarray(mesh.points)
    middle = np.asarray(mesh.bounds).reshape(3, 2).mean(axis=1)
    width = 2 * float(np.hypot(*(points - middle)[:, :2].T).max())
    mm_per_pixel = 1.18 * max(width / size[0], float(np.ptp(points[:, 2])) / size[1])
    limits = limits or nice_limits(values)
    rgb = crimson_to_yellow(values, limits) if rgb is None else rgb
    pictures, joins = [], dashed_joins(branches)
    with Stage(mesh, rgb, size, joins) as stage:
        for angle in 360 * np.arange(frames) / frames:
            view = view_at(float(angle))
            page = Page(size[0], size[1], round(0.14 * size[1]))
            page.panel(stage.seen_from(view, mm_per_pixel), 0, view.title, view.edges)
            upper, lower = size[1] + 0.035 * size[1], size[1] + 0.1 * size[1]
            page.scale_bar(1.2 * page.unit, upper, scale_bar_mm(size[0] * mm_per_pixel), mm_per_pixel)
            page.text((size[0] - 1.2 * page.unit, upper), title, anchor="rm", size=1.1, fill=FAINT)
            page.legend(size[0] - 4 * page.unit, lower, 0.35 * size[0], legend, limits)
            pictures.append(page.image)
    with replacing(path) as temporary:
        pictures[0].save(
            temporary, format="GIF", save_all=True, append_images=pictures[1:], loop=0,
            duration=round(4000 / frames),
        )  # fmt: skip
    return None
