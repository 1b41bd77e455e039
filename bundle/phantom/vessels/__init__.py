"""Coronary arteries with their disease, veins, and thin bright things that are neither."""

from . import lookalikes, paths
from .coronary import Coronaries, draw_coronaries
from .lesions import Deposits, add_disease
from .paths import arc_length
from .tubes import STEP, TubeRaster

__all__ = [
    "STEP",
    "Coronaries",
    "Deposits",
    "TubeRaster",
    "add_disease",
    "arc_length",
    "draw_coronaries",
    "lookalikes",
    "paths",
]
