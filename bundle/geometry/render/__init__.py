"""Pictures, drawn off screen."""

from .colors import branch_colors, crimson_to_yellow, nice_limits
from .labels import Label
from .opengl import probe_early, why_no_pictures
from .picture import snapshot, turntable
from .reformation import lengthwise_cuts, reformation_picture
from .slices import Slices, overlay_picture, slices_of

__all__ = [
    "Label",  # of a place in a snapshot
    "Slices",  # of a scan, with a mask
    "branch_colors",  # by name
    "crimson_to_yellow",  # by value
    "lengthwise_cuts",  # the CT along a branch, as arrays
    "nice_limits",  # of a colour scale
    "overlay_picture",  # the mask's outline on slices
    "probe_early",  # whether this machine can draw
    "reformation_picture",  # the CT along a branch
    "slices_of",  # those that show most of a mask
    "snapshot",  # from three sides
    "turntable",  # an animation
    "why_no_pictures",  # the sentence, where this machine cannot draw
]
