"""A mesh under lights, drawn off screen from one side after the other."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
import pyvista as pv
from PIL import Image
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkRenderingCore import (
    vtkActor,
    vtkLight,
    vtkPolyDataMapper,
    vtkRenderer,
    vtkRenderWindow,
    vtkWindowToImageFilter,
)

from bundle.geometry.core import triangles, vertex_normals

from .joins import COLOUR
from .page import BACKGROUND
from .views import View

__all__ = ["Stage"]

_FINER = 2  # pixels drawn along each edge of one of the picture


class Stage(AbstractContextManager):
    """A mesh (RAS mm) in one window of VTK, which is made once for all views.

    VTK's classes and not PyVista's plotter: that imports matplotlib's pyplot, and makes a window a picture.
    Each pixel of the picture is four of the window, which takes no further samples of its own.

    Args:
        rgb: (N, 3) uint8 colours of the vertices.
        size: width and height of a picture, pixels.
        joins: of `dashed_joins`.

    Example:
        >>> with Stage(mesh, rgb, (640, 720)) as stage:
        ...     stage.seen_from(ANTERIOR, mm_per_pixel=0.2).shape
        (720, 640, 3)
    """

    def __init__(
        self, mesh: pv.PolyData, rgb: np.ndarray, size: tuple[int, int], joins: pv.PolyData | None = None
    ):
        # Before any of the classes is used, as it says what they draw with; here, as it needs OpenGL.
        import vtkmodules.vtkRenderingOpenGL2  # noqa: F401

        self._size = size
        low, high = np.asarray(mesh.bounds).reshape(3, 2).T
        self._middle, self._reach = (low + high) / 2, float(np.linalg.norm(high - low))
        self._renderer = vtkRenderer()
        self._renderer.SetBackground(*(c / 255 for c in BACKGROUND))
        self._renderer.AutomaticLightCreationOff()
        self._renderer.AddActor(_wall(mesh, rgb))
        if joins is not None:
            self._renderer.AddActor(_dashes(joins))
        # Without VTK's warning that there is no X server before it takes EGL or OSMesa, as it should.
        with pv.vtk_verbosity("error"):
            self._window = vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.SetSize(_FINER * size[0], _FINER * size[1])
        self._window.AddRenderer(self._renderer)

    def seen_from(self, view: View, mm_per_pixel: float) -> np.ndarray:
        """The mesh in parallel projection, its bounding box in the middle, (height, width, 3) uint8."""
        self._renderer.RemoveAllLights()
        for light in _lights(view):
            self._renderer.AddLight(light)
        camera = self._renderer.GetActiveCamera()
        camera.SetPosition(*(self._middle + self._reach * np.array(view.towards_viewer, float)))
        camera.SetFocalPoint(*self._middle)
        camera.SetViewUp(*view.up)
        camera.ParallelProjectionOn()
        camera.SetParallelScale(mm_per_pixel * self._size[1] / 2)
        camera.SetClippingRange(0.1 * self._reach, 2.0 * self._reach)
        with pv.vtk_verbosity("error"):
            self._window.Render()
        grab = vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.ShouldRerenderOff()
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _ = image.GetDimensions()
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)[::-1]
        fine = Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(fine.resize(self._size, Image.Resampling.LANCZOS))

    def __exit__(self, *_) -> None:
        self._window.Finalize()


def _wall(mesh: pv.PolyData, rgb: np.ndarray) -> vtkActor:
    drawn = pv.PolyData.from_regular_faces(np.asarray(mesh.points, np.float32), triangles(mesh))
    drawn.point_data.active_normals = vertex_normals(mesh).astype(np.float32)
    drawn.point_data["rgb"] = rgb
    drawn.point_data.active_scalars_name = "rgb"
    actor = _actor(drawn, ambient=0.14, diffuse=0.95)
    actor.GetMapper().SetColorModeToDirectScalars()
    look = actor.GetProperty()
    look.SetInterpolationToPhong()
    look.SetSpecular(0.35)
    look.SetSpecularPower(25)
    return actor


def _dashes(joins: pv.PolyData) -> vtkActor:
    actor = _actor(joins, ambient=0.5, diffuse=0.6)
    actor.GetMapper().ScalarVisibilityOff()
    actor.GetProperty().SetColor(*(c / 255 for c in COLOUR))
    return actor


def _actor(drawn: pv.PolyData, ambient: float, diffuse: float) -> vtkActor:
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(drawn)
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetAmbient(ambient)
    actor.GetProperty().SetDiffuse(diffuse)
    return actor


def _lights(view: View) -> list[vtkLight]:
    """A key light over the viewer's left shoulder, a cool fill from the right, a rim from behind."""
    forward, up = np.array(view.towards_viewer, float), np.array(view.up, float)
    right = np.cross(up, forward)
    spots = (
        (forward + 0.9 * up - 0.7 * right, (255, 244, 230), 0.85),
        (forward - 0.3 * up + 1.1 * right, (188, 208, 255), 0.35),
        (-forward + 0.8 * up, (255, 255, 255), 0.30),
    )
    lights = []
    for place, tint, power in spots:
        light = vtkLight()
        light.SetPosition(*place)
        light.SetColor(*(c / 255 for c in tint))
        light.SetIntensity(power)
        lights.append(light)
    return lights
