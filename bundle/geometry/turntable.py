"""Frames of the vessels turning about the patient's long axis."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyvista as pv
from PIL import Image

from bundle.geometry.colors import nice_limits, warm
from bundle.geometry.picture import View, render_view, why_not_drawn
from bundle.geometry.write import replacing


def turntable(
    mesh: pv.PolyData,
    path: str | os.PathLike,
    values: np.ndarray | None = None,
    frames: int = 36,
    size: tuple[int, int] = (480, 480),
    seconds: float = 4.0,
) -> str | None:
    """Write an animated GIF of `mesh` (RAS mm) seen from all around, beginning in front.

    Args:
        values: (N,) at the vertices, shown in colours.

    Returns:
        None, or the sentence that says why nothing was drawn.

    Raises:
        ValueError: the mesh is empty.
    """
    reason = why_not_drawn(mesh)
    if reason is not None:
        return reason
    reach = np.diff(np.asarray(mesh.bounds).reshape(3, 2)).ravel()
    mm_per_pixel = 1.1 * max(float(np.hypot(reach[0], reach[1])) / size[0], float(reach[2]) / size[1])
    rgb = None if values is None else warm(values, nice_limits(values))
    pictures = []
    for angle in 2 * np.pi * np.arange(frames) / frames:
        view = View("", (-np.sin(angle), np.cos(angle), 0.0), (0, 0, 1), ("", "", "", ""))
        pictures.append(Image.fromarray(render_view(mesh, view, size, mm_per_pixel, rgb)))
    with replacing(Path(path)) as temporary:
        pictures[0].save(
            temporary, format="GIF", save_all=True, append_images=pictures[1:], loop=0,
            duration=round(1000 * seconds / frames),
        )  # fmt: skip
    return None
