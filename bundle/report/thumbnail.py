"""A small picture of the vessels from the front, for the tab and the cohort's page; no graphics card."""

from __future__ import annotations

import base64
import io

import numpy as np
import pyvista as pv
from PIL import Image

from bundle.geometry.core import triangles

__all__ = ["thumbnail"]

_SIZE = (104, 80)
_FINER = 3  # drawn so much larger, and then shrunk
_NEAR, _FAR = np.array([178, 58, 46]), np.array([232, 168, 138])  # seen on light and on dark
_FEW = 30_000  # triangles
# Barycentric coordinates of places in a triangle.
_INSIDE = np.array([[a, b, 6 - a - b] for a in range(7) for b in range(7 - a)]) / 6


def thumbnail(mesh: pv.PolyData) -> str:
    """A data URL of a WebP with a clear background; the wall of `mesh` (LPS mm), the nearer the darker."""
    points = np.asarray(mesh.points, float)
    if mesh.n_cells < _FEW:  # its points alone would leave holes
        points = np.concatenate([points, *(weights @ points[triangles(mesh)] for weights in _INSIDE)])
    width, height = (size * _FINER for size in _SIZE)
    flat = points[:, [0, 2]] * [1, -1]
    low, span = flat.min(axis=0), np.ptp(flat, axis=0)
    scale = min((np.array([width, height]) - 6 * _FINER) / np.maximum(span, 1.0))
    place = np.array([width, height]) / 2 + (flat - low - span / 2) * scale
    column, row = np.clip(place.astype(int), 1, [width - 2, height - 2]).T
    picture = np.zeros((height, width, 4), np.uint8)
    depth = points[:, 1]
    order = np.argsort(-depth)  # the back first
    share = ((depth - depth.min()) / max(float(np.ptp(depth)), 1e-6))[order, None]
    colour = np.concatenate([_NEAR + (_FAR - _NEAR) * share, np.full((len(order), 1), 255)], axis=1)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            picture[row[order] + down, column[order] + right] = colour
    file = io.BytesIO()
    small = Image.fromarray(picture).resize(_SIZE, Image.Resampling.LANCZOS)
    small.save(file, "WEBP", quality=60, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
