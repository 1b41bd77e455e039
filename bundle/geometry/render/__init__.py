"""Pictures, drawn off screen."""

from .animation import turntable
from .colors import branch_colors, crimson_to_yellow, nice_limits
from .opengl import probe_early
from .picture import snapshot
from .reformation import reformation_picture

__all__ = [
    "branch_colors",
    "crimson_to_yellow",
    "nice_limits",
    "probe_early",
    "reformation_picture",
    "snapshot",
    "turntable",
]
