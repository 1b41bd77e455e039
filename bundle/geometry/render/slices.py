"""A mask's outline on axial slices of its scan."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage.measure import find_contours

from bundle.common.files import replacing

from .page import FAINT, Page, scale_bar_mm

__all__ = ["Slices", "overlay_picture", "slices_of"]

OUTLINE = (255, 77, 61)
MARGIN_MM = 30.0
COLUMNS = 4


@dataclass(frozen=True)
class Slices:
    """Axial slices around a mask, the highest first.

    image: (N, W, H) in 0..1, axes to the patient's right and front. mask: (N, W, H) bool.
    spacing_mm: (2,) of both. heights_mm: (N,) above the mask's lowest voxel.
    """

    image: np.ndarray
    mask: np.ndarray
    spacing_mm: tuple[float, float]
    heights_mm: tuple[float, ...]


def shown_slices(mask: np.ndarray, count: int) -> np.ndarray:
    """Up to `count` axial slices of a mask (X, Y, Z), rising, spread by how much of it they hold."""
    area = np.count_nonzero(mask, axis=(0, 1)).astype(float)
    if not area.any():
        return np.zeros(0, int)
    held = np.cumsum(np.minimum(area, np.percentile(area[area > 0], 75)))
    return np.unique(np.searchsorted(held, held[-1] * (np.arange(count) + 0.5) / count))


def slices_of(
    plane: Callable[[float], np.ndarray], mask: np.ndarray, spacing_mm: np.ndarray, count: int = 8
) -> Slices | None:
    """The slices that show most of a mask; None of an empty one.

    Args:
        plane: from a height, 0 at the lowest and 1 at the highest border of the mask's grid, to the image
            there, (A, B) in 0..1. Its grid may be coarser than the mask's, of the same extent and axes.
        mask: (X, Y, Z) bool, axes nearest to R, A, S.
        spacing_mm: (3,) of the mask.
    """
    shown = shown_slices(mask, count)[::-1]
    if len(shown) == 0:
        return None
    around = np.ceil(MARGIN_MM / np.asarray(spacing_mm)[:2]).astype(int)
    places = np.argwhere(mask.any(axis=2))
    low = np.maximum(places.min(axis=0) - around, 0)
    high = np.minimum(places.max(axis=0) + around + 1, mask.shape[:2])
    pictures = []
    for k in shown:
        image = np.asarray(plane((k + 0.5) / mask.shape[2]), np.float32)
        at = [(np.arange(low[i], high[i]) + 0.5) * image.shape[i] / mask.shape[i] - 0.5 for i in range(2)]
        pictures.append(_between(_between(image, at[0]).T, at[1]).T)
    lowest = int(np.flatnonzero(mask.any(axis=(0, 1)))[0])
    return Slices(
        image=np.stack(pictures),
        mask=np.stack([mask[low[0] : high[0], low[1] : high[1], k] for k in shown]),
        spacing_mm=(float(spacing_mm[0]), float(spacing_mm[1])),
        heights_mm=tuple(float((k - lowest) * spacing_mm[2]) for k in shown),
    )


def _between(image: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows (N, B) of an image (A, B) at places (N,), linearly between two; beyond the border the last one."""
    last = len(image) - 1
    row = np.clip(np.floor(at).astype(int), 0, last)
    share = np.clip(at - row, 0, 1).astype(np.float32)[:, None]
    return image[row] * (1 - share) + image[np.minimum(row + 1, last)] * share


def overlay_picture(slices: Slices, path: str | os.PathLike, title: str = "", tile: int = 400) -> None:
    """Write a PNG of the slices with the mask's outline, as radiologists look: the patient's right is left.

    Args:
        tile: width of a slice in pixels.
    """
    width, height = np.multiply(slices.image.shape[1:], slices.spacing_mm)
    size = (tile, round(tile * height / width))
    columns = min(COLUMNS, len(slices.image))
    rows = -(-len(slices.image) // columns)
    page = Page(columns * size[0], rows * size[1], round(0.08 * tile))
    page.unit = tile / 22
    for number, (image, mask, above) in enumerate(zip(slices.image, slices.mask, slices.heights_mm)):
        left, top = number % columns * size[0], number // columns * size[1]
        grey = np.round(255 * np.clip(image, 0, 1)).astype(np.uint8).T[::-1, ::-1]
        page.image.paste(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC), (left, top))
        flipped = np.pad(mask.T[::-1, ::-1], 1)
        scale = np.array(size) / (np.array(flipped.T.shape) - 2)
        for line in find_contours(flipped.astype(float), 0.5):
            points = (line[:, ::-1] - 0.5) * scale + [left, top]
            page.draw.line([tuple(p) for p in points], fill=OUTLINE, width=max(2, tile // 200), joint="curve")
        page.words((left + 0.6 * page.unit, top + 0.6 * page.unit), f"{above:.0f} mm")
    for x, y, letter in ((0.03, 0.5, "R"), (0.97, 0.5, "L"), (0.5, 0.05, "A"), (0.5, 0.95, "P")):
        half = np.array(page.size_of(letter)) / 2
        page.words(tuple((x, y) * np.array(size) - half), letter, FAINT)
    strip = rows * size[1] + 0.04 * tile
    mm_per_pixel = width / size[0]
    page.scale_bar(1.2 * page.unit, strip, scale_bar_mm(width), mm_per_pixel)
    page.text((page.image.width - 1.2 * page.unit, strip), title, anchor="rm", fill=FAINT)
    with replacing(path) as temporary:
        page.image.save(temporary, format="PNG")
