"""Figures of a mask against the truth."""

from .cldice import centerline_dice
from .lines import Line, line_of_branches
from .one_case import case_metrics, dice
from .tree import TISSUES, TREE_METRICS

__all__ = [
    "TISSUES",  # names of the codes of a tissue map
    "TREE_METRICS",  # names of the figures of the centreline
    "Line",  # a centreline as points that each stand for a length
    "case_metrics",  # all figures of one case
    "centerline_dice",  # clDice
    "dice",
    "line_of_branches",  # the Line of a phantom's truth
]
