"""From a drawn patient to a scan: attenuation on its grid, blur, noise, motion."""

from .acquisition import acquire, move_points, shift_slabs, slab_moves
from .attenuation import paint_organs, paint_vessels, streaks
from .protocol import Protocol, draw_protocol

__all__ = [
    "Protocol", "acquire", "draw_protocol", "move_points", "paint_organs", "paint_vessels", "shift_slabs",
    "slab_moves", "streaks",
]  # fmt: skip
