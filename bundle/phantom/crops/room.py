"""Chambers that give way to coronary arteries."""

from __future__ import annotations

from bundle.phantom.anatomy import Chest
from bundle.phantom.core import fields
from bundle.phantom.vessels import Coronaries

from .tissue import CHAMBERS

BETWEEN_MM = 1.0
"""Of tissue between an artery's wall and the blood of a chamber; less where the coarse grid rounds it."""

_REACH_MM = 5.0  # beyond, where a changed distance has no effect on the blood's border


def make_room(chest: Chest, tree: Coronaries) -> None:
    """Take the chambers' blood away around the arteries, in place: none runs through it.

    Paths that are drawn on the smooth surface of a heart cut corners: in a third of the patients some
    millimetres of the right coronary artery come to lie in the right atrium, and ends of septal branches in a
    ventricle. Hardly any artery runs so, and where the blood is as bright nobody could see it. The chamber is
    indented, as an atrium is by the groove, and its wall is what then shows. The tree must have its disease,
    with which the outer wall comes.
    """
    around = None
    for branch in tree.branches:
        radii = branch.outer + BETWEEN_MM
        around = fields.thick_path(chest.grid, branch.points, radii, _REACH_MM, out=around)
    for organ in chest.organs:
        if organ.name in CHAMBERS:
            organ.sdf = fields.without(organ.sdf, around)
