"""Coronary arteries with their disease, veins, and thin bright things that are neither."""

from .coronary import draw_coronaries
from .lesions import Deposits, add_disease
from .lookalikes import draw_lookalikes
from .maker import TreeMaker
from .paths import Epicardium, spline
from .tree import Branch, Coronaries
from .tubes import STEP, TubeRaster

__all__ = [
    "STEP", "Branch", "Coronaries", "Deposits", "Epicardium", "TreeMaker", "TubeRaster", "add_disease",
    "draw_coronaries", "draw_lookalikes", "spline",
]  # fmt: skip
