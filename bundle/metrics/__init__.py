"""Figures of a mask against the truth."""

from .cldice import centerline_dice
from .masks import case_metrics, dice

__all__ = ["case_metrics", "centerline_dice", "dice"]
