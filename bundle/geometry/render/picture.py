"""The vessels from three sides in one picture, and turning about the patient's long axis, off screen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyvista as pv
from PIL import Image

from bundle.common.files import replacing
from bundle.geometry.core import Branch, triangles, vertex_normals

from .colors import crimson_to_yellow, nice_limits
from .joins import COLOUR, dashed_joins
from .labels import Label, draw_labels
from .opengl import why_no_pictures
from .page import BACKGROUND, FAINT, Page, scale_bar_mm

__all__ = ["ANTERIOR", "LEFT", "SUPERIOR", "View", "render_view", "snapshot", "turntable", "view_at"]

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


def _lights(view: View) -> list[pv.Light]:
    """A key light over the viewer's left shoulder, a cool fill from the right, a rim from behind."""
    forward, up = np.array(view.towards_viewer, float), np.array(view.up, float)
    right = np.cross(up, forward)
    spots = (
        (forward + 0.9 * up - 0.7 * right, "#fff4e6", 0.85),
        (forward - 0.3 * up + 1.1 * right, "#bcd0ff", 0.35),
        (-forward + 0.8 * up, "#ffffff", 0.30),
    )
    return [pv.Light(position=p, color=tint, intensity=power, positional=False) for p, tint, power in spots]


def render_view(
    mesh: pv.PolyData,
    view: View,
    size: tuple[int, int],
    mm_per_pixel: float,
    rgb: np.ndarray,
    joins: pv.PolyData | None = None,
) -> np.ndarray:
    """The mesh (RAS mm) in parallel projection, its bounding box in the middle, (height, width, 3) uint8.

    rgb: (N, 3) uint8 colours of the vertices. joins: of `dashed_joins`.
    """
    low, high = np.asarray(mesh.bounds).reshape(3, 2).T
    middle, reach = (low + high) / 2, float(np.linalg.norm(high - low))
    drawn = pv.PolyData.from_regular_faces(np.asarray(mesh.points, np.float32), triangles(mesh))
    drawn.point_data.active_normals = vertex_normals(mesh).astype(np.float32)
    drawn.point_data["rgb"] = rgb
    # Without VTK's warning that there is no X server before it takes EGL or OSMesa, as it should.
    with pv.vtk_verbosity("error"):
        plotter = pv.Plotter(off_screen=True, window_size=[2 * size[0], 2 * size[1]], lighting="none")
        plotter.background_color = tuple(c / 255 for c in BACKGROUND)
        look = {"ambient": 0.14, "diffuse": 0.95, "specular": 0.35, "specular_power": 25}
        actor = plotter.add_mesh(
            drawn, scalars="rgb", rgb=True, smooth_shading=False, show_scalar_bar=False, **look
        )
        actor.prop.interpolation = "phong"
        if joins is not None:
            plotter.add_mesh(joins, color=COLOUR, ambient=0.5, diffuse=0.6)
        for light in _lights(view):
            plotter.add_light(light)
        plotter.camera.position = middle + reach * np.array(view.towards_viewer, float)
        plotter.camera.focal_point = middle
        plotter.camera.up = view.up
        plotter.enable_parallel_projection()
        plotter.camera.parallel_scale = mm_per_pixel * size[1] / 2
        plotter.camera.clipping_range = (0.1 * reach, 2.0 * reach)
        pixels = plotter.screenshot(None, return_img=True)
        plotter.close()
    return np.asarray(Image.fromarray(pixels[..., :3]).resize(size, Image.Resampling.LANCZOS))


def _extent_mm(mesh: pv.PolyData, view: View) -> tuple[float, float]:
    """Width and height of the mesh's box as seen in `view`."""
    size = np.diff(np.asarray(mesh.bounds).reshape(3, 2)).ravel()
    up, forward = np.abs(view.up), np.abs(view.towards_viewer)
    return float(size @ np.abs(np.cross(up, forward))), float(size @ up)


def _places(mesh: pv.PolyData, view: View, labels: Sequence[Label], mm_per_pixel: float) -> np.ndarray:
    """Pixels (N, 2), right and down from the panel's middle, where labels stand in `render_view`."""
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
    for number, view in enumerate(views):
        pixels = render_view(mesh, view, panel, mm_per_pixel, rgb, joins)
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
    for angle in 360 * np.arange(frames) / frames:
        view = view_at(float(angle))
        page = Page(size[0], size[1], round(0.14 * size[1]))
        page.panel(render_view(mesh, view, size, mm_per_pixel, rgb, joins), 0, view.title, view.edges)
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
