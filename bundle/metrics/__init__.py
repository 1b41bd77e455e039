"""Figures of a mask against the truth."""

from .cldice import centerline_dice
from .one_case import case_metrics, dice

__all__ = [
    "case_metrics",  # all figures of one case
    "centerline_dice",  # clDice
    "dice",
]
