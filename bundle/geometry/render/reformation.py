"""The CT along a vessel: straightened and curved planar reformations."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bundle.common.coordinates import check_affine
from bundle.common.files import replacing
from bundle.common.polylines import arc_length, at_length, frames, resample, smooth
from bundle.geometry.core import Branch, sample_volume
from bundle.geometry.measure import Stenosis

from .page import BACKGROUND, FAINT, INK

__all__ = ["curved", "lengthwise", "lengthwise_cuts", "reformation_picture"]


_WINDOW_HU = (-150.0, 650.0)  # shown as black and white
_PIXEL_MM = 0.25


def lengthwise(
    image: np.ndarray,
    affine: np.ndarray,
    points: np.ndarray,
    angles_deg: Sequence[float] = (0.0,),
    width_mm: float = 16.0,
) -> np.ndarray:
    """The straightened vessel: the image in planes along a curve, turned about it by each angle.

    Args:
        image: (X, Y, Z), e.g. HU. affine: (4, 4) voxel to RAS mm.
        points: (N, 3) RAS mm. Neighbouring rows do not twist against each other.
        width_mm: size of the planes across the curve.

    Returns:
        (len(angles_deg), N, W) float32, the curve in the middle of every row.
    """
    _, u, v = frames(points)
    angles = np.radians(angles_deg)[:, None, None]
    across = np.cos(angles) * u + np.sin(angles) * v
    place = points[:, None] + _offsets(width_mm)[:, None] * across[:, :, None]
    cuts = sample_volume(image, check_affine(affine), place.reshape(-1, 3))
    return cuts.reshape(len(angles), len(points), -1)


def lengthwise_cuts(
    image: np.ndarray, affine: np.ndarray, branch: Branch
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], float]:
    """The image along a branch, (N, W) each: straightened at 0 and 90 degrees, curved; and their pixel, mm.

    Args:
        image: (X, Y, Z) HU. affine: (4, 4) voxel to RAS mm. branch: from its ostium's side to its tip.
    """
    points = smooth(resample(branch.points, _PIXEL_MM), 1.0 / _PIXEL_MM)
    zero, quarter = lengthwise(image, affine, points, (0.0, 90.0))
    return (zero, quarter, curved(image, affine, points)), _PIXEL_MM


def curved(image: np.ndarray, affine: np.ndarray, points: np.ndarray, width_mm: float = 40.0) -> np.ndarray:
    """The stretched curved planar reformation, (N, W) float32.

    Each row is the image along one line through a point of the curve (N, 3). All lines are parallel: they run
    in the direction in which the curve itself extends least, so that rows do not overlap (Kanitsar et al.,
    IEEE Visualization 2002).
    """
    _, _, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    place = points[:, None] + _offsets(width_mm)[:, None] * axes[2]
    return sample_volume(image, check_affine(affine), place.reshape(-1, 3)).reshape(len(points), -1)


def _offsets(width_mm: float) -> np.ndarray:
    half = round(width_mm / 2 / _PIXEL_MM)
    return np.arange(-half, half + 1) * _PIXEL_MM


def _grey(values: np.ndarray) -> Image.Image:
    low, high = _WINDOW_HU
    return Image.fromarray(np.uint8(255 * np.clip((values - low) / (high - low), 0, 1)))


def reformation_picture(
    image: np.ndarray,
    affine: np.ndarray,
    branch: Branch,
    path: str | os.PathLike,
    lesions: Sequence[Stenosis] = (),
) -> None:
    """PNG of a branch: straightened at 0 and 90 degrees, curved, and its diameter, from top to bottom.

    Args:
        image: (X, Y, Z) HU. branch: with its centreline. lesions: marked on the diameter's curve.
    """
    rows, _ = lengthwise_cuts(image, affine, branch)
    scale = 2
    panels = [_grey(r.T) for r in rows]
    panels = [p.resize((p.width * scale, p.height * scale), Image.Resampling.BICUBIC) for p in panels]
    plot_height, gap, left = 150, 22, 90
    height = sum(p.height + gap for p in panels) + plot_height + 2 * gap
    page = Image.new("RGB", (left + max(panels[0].width + 20, 170), height), BACKGROUND)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=14)
    top = gap
    for panel, title in zip(panels, ("straight 0°", "straight 90°", "curved")):
        page.paste(panel.convert("RGB"), (left, top))
        draw.text((8, top + panel.height / 2), title, fill=INK, font=font, anchor="lm")
        top += panel.height + gap
    draw.text((left, 4), f"{branch.name}, ostium on the left", fill=INK, font=font)
    draw.text((8, top - 8), "diameter", fill=INK, font=font, anchor="lb")
    _plot_diameter(draw, font, branch, lesions, (left, top, panels[0].width, plot_height))
    with replacing(path) as temporary:
        page.save(temporary, format="PNG")


def _plot_diameter(draw, font, branch: Branch, lesions: Sequence[Stenosis], box) -> None:
    left, top, width, height = box
    along = arc_length(branch.points)
    most = max(1.0, float(np.ceil(2 * branch.radius.max())))
    where = np.linspace(0, along[-1], width)
    diameter = 2 * at_length(branch.points, branch.radius, where)
    for value in range(int(most) + 1):
        y = top + height * (1 - value / most)
        draw.line((left, y, left + width, y), fill=(44, 52, 70))
        draw.text((left - 8, y), f"{value} mm", fill=FAINT, font=font, anchor="rm")
    for lesion in lesions:
        first, last = (left + width * x / along[-1] for x in (lesion.start_mm, lesion.end_mm))
        draw.rectangle((first, top, last, top + height), outline=(240, 190, 90))
        words = f"{lesion.percent_diameter:.0f} %" if lesion.assessable else "not assessable"
        draw.text(((first + last) / 2, top - 4), words, fill=(240, 190, 90), font=font, anchor="mb")
    for place in range(0, int(along[-1]) + 1, 10 if along[-1] < 60 else 20):
        x = left + width * place / along[-1]
        draw.line((x, top + height, x, top + height + 5), fill=FAINT)
        words = f"{place} mm" if place == 0 else str(place)
        draw.text((x, top + height + 8), words, fill=FAINT, font=font, anchor="mt")
    line = list(zip((left + np.arange(width)).tolist(), (top + height * (1 - diameter / most)).tolist()))
    draw.line(line, fill=(240, 110, 80), width=3)
