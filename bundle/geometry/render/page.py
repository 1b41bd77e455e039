"""Pages on which pictures are put together: panels with the patient's sides, a scale, a colour legend."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .colors import crimson_to_yellow

__all__ = ["BACKGROUND", "FAINT", "INK", "MARK", "Page", "scale_bar_mm"]

BACKGROUND = (14, 18, 27)
INK = (232, 234, 240)
FAINT = (138, 147, 166)
MARK = (126, 224, 255)
"""Of narrowings: a hue that no calibre has."""


def scale_bar_mm(panel_mm: float) -> int:
    return max((length for length in (1, 2, 5, 10, 20, 50, 100) if length <= 0.4 * panel_mm), default=1)


class Page:
    """The picture in the making: panels side by side over a legend strip."""

    def __init__(self, width: int, height: int, strip: int):
        self.image = Image.new("RGB", (width, height + strip), BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)
        self.unit = height / 40

    def text(self, at, words, anchor="mm", size=1.0, fill=INK):
        self.draw.text(at, words, fill=fill, font=self._font(size), anchor=anchor)

    def size_of(self, words: str, size: float = 1.0) -> tuple[float, float]:
        """Width and height, in pixels, of words that `words` writes."""
        left, top, right, bottom = self.draw.textbbox((0, 0), words, font=self._font(size), anchor="lt")
        return right - left + 2 * self._halo, bottom - top + 2 * self._halo

    def words(self, at, words: str, fill=INK, size: float = 1.0) -> None:
        """Words with a dark edge, legible on vessels, `at` their left upper corner."""
        place = (at[0] + self._halo, at[1] + self._halo)
        edge = {"stroke_width": self._halo, "stroke_fill": BACKGROUND}
        self.draw.text(place, words, fill=fill, font=self._font(size), anchor="lt", **edge)

    def dot(self, x: float, y: float, fill) -> None:
        """A ring of the size of a letter around a place."""
        r = 0.32 * self.unit
        self.draw.ellipse((x - r, y - r, x + r, y + r), outline=fill, width=max(1, round(self.unit / 10)))

    @property
    def _halo(self) -> int:
        return max(1, round(self.unit / 10))

    def _font(self, size: float):
        return ImageFont.load_default(size=round(size * self.unit))

    def panel(self, pixels: np.ndarray, left: int, title: str, edges: tuple[str, str, str, str]) -> None:
        """A view with its title and the patient's sides at its left, right, top and bottom."""
        height, width = pixels.shape[:2]
        self.image.paste(Image.fromarray(pixels), (left, 0))
        gap = 1.2 * self.unit
        self.text((left + gap, gap), title, anchor="lt", size=1.35)
        spots = ((left + gap, height / 2, "lm"), (left + width - gap, height / 2, "rm"))
        spots += ((left + width / 2, gap, "mt"), (left + width / 2, height - gap, "mb"))
        for (x, y, anchor), letter in zip(spots, edges):
            self.text((x, y), letter, anchor=anchor, size=1.35, fill=FAINT)

    def scale_bar(self, left: float, y: float, length_mm: int, mm_per_pixel: float) -> None:
        end = left + length_mm / mm_per_pixel
        self.draw.line((left, y, end, y), fill=INK, width=max(2, round(self.unit / 6)))
        for x in (left, end):
            self.draw.line((x, y - self.unit / 3, x, y + self.unit / 3), fill=INK, width=2)
        self.text((end + 0.6 * self.unit, y), f"{length_mm} mm", anchor="lm", size=1.1)

    def legend(self, right: float, y: float, width: float, title: str, limits: tuple[float, float]) -> None:
        left, half = right - width, round(self.unit / 2)
        ramp = crimson_to_yellow(np.linspace(*limits, round(width)), limits)
        bar = np.broadcast_to(ramp, (2 * half, *ramp.shape))
        self.image.paste(Image.fromarray(np.ascontiguousarray(bar)), (round(left), round(y) - half))
        digits = 2 if limits[1] - limits[0] < 2 else 1 if limits[1] - limits[0] < 20 else 0
        self.text((left - 0.5 * self.unit, y), f"{title}   {limits[0]:.{digits}f}", anchor="rm", size=1.1)
        self.text((right + 0.5 * self.unit, y), f"{limits[1]:.{digits}f}", anchor="lm", size=1.1)
