"""Pictures, drawn off screen."""

from .colors import branch_colors, crimson_to_yellow, nice_limits
from .labels import Label
from .opengl import probe_early
from .picture import snapshot, turntable
from .reformation import reformation_picture

__all__ = [
    "Label",  # of a place in a snapshot
    "branch_colors",  # by name
    "crimson_to_yellow",  # by value
    "nice_limits",  # of a colour scale
    "probe_early",  # whether this machine can draw
    "reformation_picture",  # the CT along a branch
    "snapshot",  # from three sides
    "turntable",  # an animation
]
