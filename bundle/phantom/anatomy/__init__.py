"""The chest of one synthetic patient: heart, great vessels and what surrounds them."""

from .chest import Chest, HeartFrame, mean_frame
from .draw import draw_chest
from .heart import on_wall

__all__ = ["Chest", "HeartFrame", "draw_chest", "mean_frame", "on_wall"]
