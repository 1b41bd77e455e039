"""Projections of a case with truth and prediction on top."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["BOTH", "FALSE", "MISSED", "overlay_pictures", "projection"]

# Okabe and Ito's palette, told apart by people with any kind of colour blindness.
MISSED, FALSE, BOTH = (86, 180, 233), (213, 94, 0), (240, 228, 66)
LEGEND = (("found", BOTH), ("missed", MISSED), ("false", FALSE))
INK, GROUND = (235, 235, 235), (18, 18, 18)

# Axis looked along in RAS, title, and what lies at the left and the right edge.
PLANES = ((2, "axial", "R", "L"), (1, "coronal", "R", "L"), (0, "sagittal", "A", "P"))
PANEL = 352  # pixels of the longest edge: the width of a card in TensorBoard
LINE = 24


def projection(volume: np.ndarray, axis: int) -> np.ndarray:
    """The greatest value along ``axis`` of a RAS volume (X, Y, Z), as a radiologist sees it: (rows, columns).

    The head is up in sagittal and coronal, the patient's right on the left in coronal and axial, the front up
    in axial and left in sagittal.
    """
    return volume.max(axis=axis).T[::-1, ::-1]


def overlay_pictures(
    image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, spacing_mm: Sequence[float], title: str = ""
) -> dict[str, np.ndarray]:
    """Maximum-intensity projections in three planes, in true proportions, each with a legend and a scale.

    Where only the truth projects is blue (missed), only the prediction red (false), both yellow (found).

    Args:
        image: (X, Y, Z) in [0, 1], axes RAS.
        truth, prediction: (X, Y, Z) bool.
        spacing_mm: size of a voxel along the axes.

    Returns:
        (rows, columns, 3) uint8 for each of "axial", "coronal" and "sagittal".
    """
    extent_mm = np.asarray(image.shape) * np.asarray(spacing_mm, float)
    pixels_per_mm = PANEL / extent_mm.max()
    size = np.maximum(1, np.round(extent_mm * pixels_per_mm)).astype(int)
    pictures = {}
    for axis, name, at_left, at_right in PLANES:
        across, up = (other for other in range(3) if other != axis)
        panel = _panel(image, truth, prediction, axis, (int(size[across]), int(size[up])))
        page = Image.new("RGB", (PANEL, panel.height + 2 * LINE), GROUND)
        left = (PANEL - panel.width) // 2
        page.paste(panel, (left, LINE))
        draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=14)
        draw.text((4, LINE / 2), name, INK, font, anchor="lm")
        draw.text((PANEL - 4, LINE / 2), title, INK, font, anchor="rm")
        draw.text((left + 4, page.height / 2), at_left, INK, font, anchor="lm")
        draw.text((left + panel.width - 4, page.height / 2), at_right, INK, font, anchor="rm")
        _legend(draw, font, page, pixels_per_mm)
        pictures[name] = np.asarray(page)
    return pictures


def _panel(image, truth, prediction, axis: int, size: tuple[int, int]) -> Image.Image:
    grey = np.uint8(255 * np.clip(projection(image, axis), 0, 1) * 0.8)  # darker than every colour
    panel = Image.fromarray(np.ascontiguousarray(grey)).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    for mask, color in (
        (projection(truth, axis), MISSED),
        (projection(prediction, axis), FALSE),
        (projection(truth, axis) & projection(prediction, axis), BOTH),
    ):
        shape = Image.fromarray(np.uint8(255) * mask).resize(size, Image.Resampling.NEAREST)
        panel.paste(color, mask=shape)
    return panel


def _legend(draw: ImageDraw.ImageDraw, font, page: Image.Image, pixels_per_mm: float) -> None:
    left, middle = 4, page.height - LINE / 2
    for word, color in LEGEND:
        draw.rectangle((left, middle - 5, left + 10, middle + 5), fill=color)
        draw.text((left + 14, middle), word, INK, font, anchor="lm")
        left += 14 + int(draw.textlength(word, font)) + 8
    bar_mm = next(mm for mm in (50, 20, 10, 5, 2, 1, 0) if mm * pixels_per_mm < PANEL / 3)
    right, start = page.width - 4, page.width - 4 - bar_mm * pixels_per_mm
    draw.line((start, middle, right, middle), INK, 2)
    draw.text((start - 4, middle), f"{bar_mm} mm", INK, font, anchor="rm")
