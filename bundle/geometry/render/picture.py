"""One picture of the vessels from three sides, drawn off screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyvista as pv
from PIL import Image
from vtkmodules.vtkCommonCore import vtkLogger

from bundle.common.files import replacing
from bundle.geometry.core import triangles, vertex_normals

from .colors import crimson_to_yellow, nice_limits
from .opengl import why_no_pictures
from .page import BACKGROUND, FAINT, Page, scale_bar_mm

__all__ = ["ANTERIOR", "LEFT", "SUPERIOR", "View", "render_view", "snapshot", "why_not_drawn"]

_CORAL = (0.90, 0.38, 0.30)


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


def _drawable(mesh: pv.PolyData, rgb: np.ndarray | None) -> pv.PolyData:
    """A copy with single-precision points about its middle, normals for smooth shading, and colours."""
    copy = pv.PolyData.from_regular_faces(np.asarray(mesh.points, np.float32), triangles(mesh))
    copy.point_data.active_normals = vertex_normals(mesh).astype(np.float32)
    if rgb is not None:
        copy.point_data["rgb"] = rgb
    return copy


@contextmanager
def _quiet() -> Iterator[None]:
    """Without VTK's warning that there is no X server before it takes EGL or OSMesa, as it should."""
    before = vtkLogger.GetCurrentVerbosityCutoff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
    try:
        yield
    finally:
        vtkLogger.SetStderrVerbosity(before)


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


@_quiet()
def render_view(
    mesh: pv.PolyData, view: View, size: tuple[int, int], mm_per_pixel: float, rgb: np.ndarray | None = None
) -> np.ndarray:
    """The mesh (RAS mm) in parallel projection, its bounding box in the middle, (height, width, 3) uint8."""
    low, high = np.asarray(mesh.bounds).reshape(3, 2).T
    middle, reach = (low + high) / 2, float(np.linalg.norm(high - low))
    plotter = pv.Plotter(off_screen=True, window_size=[2 * size[0], 2 * size[1]], lighting="none")
    plotter.background_color = tuple(c / 255 for c in BACKGROUND)
    plotter.add_mesh(
        _drawable(mesh, rgb),
        scalars=None if rgb is None else "rgb",
        rgb=rgb is not None,
        color=None if rgb is not None else _CORAL,
        smooth_shading=False,
        ambient=0.14,
        diffuse=0.95,
        specular=0.35,
        specular_power=25,
        show_scalar_bar=False,
    ).prop.interpolation = "phong"
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
    return float(size @ np.cross(up, forward).__abs__()), float(size @ up)


def why_not_drawn(mesh: pv.PolyData) -> str | None:
    """None where `mesh` can be drawn, or the sentence that says why no picture can be made here.

    Raises:
        ValueError: the mesh is empty.
    """
    if mesh.n_cells == 0:
        raise ValueError("there is no surface to draw: the mesh is empty")
    return why_no_pictures()


def snapshot(
    mesh: pv.PolyData,
    path: str | os.PathLike,
    values: np.ndarray | None = None,
    legend: str = "",
    title: str = "",
    limits: tuple[float, float] | None = None,
    views: tuple[View, ...] = (ANTERIOR, LEFT, SUPERIOR),
    panel: tuple[int, int] = (640, 720),
) -> str | None:
    """Write a PNG of `mesh` (RAS mm) from three sides at one scale, with sides, scale and colours named.

    Args:
        values: (N,) at the vertices, coloured over `limits` (default: the middle 96 %) and named `legend`.
        panel: width and height of one view in pixels.

    Returns:
        None, or the sentence that says why no picture was made (no OpenGL library).

    Raises:
        ValueError: the mesh is empty.
    """
    reason = why_not_drawn(mesh)
    if reason is not None:
        return reason
    limits = limits or (nice_limits(values) if values is not None else None)
    rgb = None if values is None else crimson_to_yellow(values, limits)
    extents = [_extent_mm(mesh, view) for view in views]
    mm_per_pixel = 1.18 * max(max(w / panel[0], h / panel[1]) for w, h in extents)
    strip = round(panel[1] * 0.085)
    page = Page(panel[0] * len(views), panel[1], strip)
    for number, view in enumerate(views):
        pixels = render_view(mesh, view, panel, mm_per_pixel, rgb)
        page.panel(pixels, number * panel[0], view.title, view.edges)
    baseline = panel[1] + 0.40 * strip
    page.scale_bar(1.2 * page.unit, baseline, scale_bar_mm(panel[0] * mm_per_pixel), mm_per_pixel)
    page.text((page.image.width / 2, baseline), title, size=1.1, fill=FAINT)
    if values is not None:
        page.legend(page.image.width - 4 * page.unit, baseline, 0.42 * panel[0], legend, limits)
    with replacing(path) as temporary:
        page.image.save(temporary, format="PNG")
    return None
