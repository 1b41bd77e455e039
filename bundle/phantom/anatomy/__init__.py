"""The chest of one synthetic patient: heart, great vessels and what surrounds them."""

from .chest import Chest
from .draw import draw_chest

__all__ = ["Chest", "draw_chest"]
