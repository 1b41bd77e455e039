"""The CT along a vessel: cross-sections, straightened and curved planar reformations."""

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

__all__ = ["cross_sections", "curved", "lengthwise", "lengthwise_cuts", "reformation_picture", "straightened"]


_WINDOW_HU = (-150.0, 650.0)  # shown as black and white
_PIXEL_MM = 0.25


def cross_sections(
    image: np.ndarray, affine: np.ndarray, points: np.ndarray, width_mm: float = 16.0
) -> np.ndarray:
    """The image in planes across a curve.

    Args:
        image: (X, Y, Z), e.g. HU. affine: (4, 4) voxel to RAS mm.
        points: (N, 3) RAS mm. Neighbouring planes do not twist against each other.
        width_mm: size of the planes.

    Returns:
        (N, W, W) float32, the curve in the middle of every plane. Stacked they are the straightened vessel.
    """
    _, u, v = frames(points)
    reach = _offsets(width_mm)
    plane = reach[:, None, None] * u[:, None, None] + reach[:, None] * v[:, None, None]
    place = (points[:, None, None] + plane).reshape(-1, 3)
    return sample_volume(image, check_affine(affine), place).reshape(len(points), len(reach), -1)


def straightened(sections: np.ndarray, angle_deg: float = 0.0) -> np.ndarray:
    """A lengthwise cut, (N, W), through stacked cross-sections (N, W, W), turned about the vessel's axis."""
    width = sections.shape[1]
    middle, reach = (width - 1) / 2, np.arange(width) - (width - 1) / 2
    rows = middle + reach * np.cos(np.radians(angle_deg))
    columns = middle + reach * np.sin(np.radians(angle_deg))
    plane = np.stack([rows, columns, np.zeros(width)], axis=1)
    return np.stack([sample_volume(section[..., None], np.eye(4), plane) for section in sections])


def lengthwise(
    image: np.ndarray, affine: np.ndarray, points: np.ndarray, angle_deg: float = 0.0, width_mm: float = 16.0
) -> np.ndarray:
    """What `straightened` cuts out of `cross_sections`, (N, W), without the sections: fifty times as fast."""
    _, u, v = frames(points)
    across = np.cos(np.radians(angle_deg)) * u + np.sin(np.radians(angle_deg)) * v
    place = points[:, None] + _offsets(width_mm)[:, None] * across[:, None]
    return sample_volume(image, check_affine(affine), place.reshape(-1, 3)).reshape(len(points), -1)


def lengthwise_cuts(
    image: np.ndarray, affine: np.ndarray, branch: Branch
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], float]:
    """The image along a branch, (N, W) each: straightened at 0 and 90 degrees, curved; and their pixel, mm.

    Args:
        image: (X, Y, Z) HU. affine: (4, 4) voxel to RAS mm. branch: from its ostium's side to its tip.
    """
    points = smooth(resample(branch.points, _PIXEL_MM), 1.0 / _PIXEL_MM)
    straight = [lengthwise(image, affine, points, angle) for angle in (0.0, 90.0)]
    return (*straight, curved(image, affine, points)), _PIXEL_MM


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
