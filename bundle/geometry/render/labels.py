"""Words beside places of a picture: the branches' names and the narrowings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .page import INK, MARK, Page

__all__ = ["Label", "draw_labels"]


@dataclass(frozen=True)
class Label:
    """Words for a place, `at` (3,) RAS mm. A `mark` is a narrowing's: a dot in colour, its words too."""

    at: tuple[float, float, float]
    words: str
    mark: bool = False


def draw_labels(
    page: Page, labels: Sequence[Label], places: np.ndarray, box: tuple[float, float, float, float]
) -> None:
    """Write each label beside its place, the first first; of words that find no room only the dot is drawn.

    Args:
        places: (N, 2) pixels, right and down.
        box: left, top, right, bottom, out of which no word stands.
    """
    taken: list[tuple[float, float, float, float]] = []
    gap = 0.45 * page.unit
    for label, (x, y) in zip(labels, places):
        fill = MARK if label.mark else INK
        if label.mark:
            page.dot(x, y, fill)
        width, height = page.size_of(label.words)
        for left, top in (
            (x + gap, y - height / 2),
            (x - gap - width, y - height / 2),
            (x - width / 2, y - gap - height),
            (x - width / 2, y + gap),
            (x + 2 * gap, y - 2 * height),
            (x - 2 * gap - width, y - 2 * height),
            (x + 2 * gap, y + height),
            (x - 2 * gap - width, y + height),
        ):
            spot = (left, top, left + width, top + height)
            if _inside(spot, box) and not any(_overlap(spot, other) for other in taken):
                taken.append(spot)
                page.words((left, top), label.words, fill)
                break


def _inside(spot, box) -> bool:
    return spot[0] >= box[0] and spot[1] >= box[1] and spot[2] <= box[2] and spot[3] <= box[3]


def _overlap(one, other) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
