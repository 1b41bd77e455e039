"""Single vessels as trees; surface and tree of a mask in one call."""

import numpy as np
import pyvista as pv

from bundle.geometry.centerline import vessel_tree
from bundle.geometry.core import Segment, Tree, find_vessels, make_branch
from bundle.geometry.surface import vessel_surface


def extract_surface(mask, affine, *arguments, **settings):
    """The wall of the vessels in a scan, no points where there are none (arguments of `find_vessels`)."""
    vessels = find_vessels(mask, affine, *arguments, **settings)
    return pv.PolyData() if vessels is None else vessel_surface(vessels)


def centerline_tree(mask, affine, *arguments, **settings):
    """The tree of the vessels in a scan (arguments of `find_vessels`)."""
    vessels = find_vessels(mask, affine, *arguments, **settings)
    return Tree() if vessels is None else vessel_tree(vessels, vessel_surface(vessels))


def straight(radius, junction=None):
    """A tree of one straight branch along x with this radius every 0.5 mm."""
    count = len(radius)
    points = np.stack([0.5 * np.arange(count), np.zeros(count), np.zeros(count)], axis=1)
    junction = np.zeros(count, bool) if junction is None else junction
    tree = Tree([Segment(points, radius, radius, junction, np.zeros(count, bool), -1, 0)])
    tree.branches = [make_branch(tree, [0], "LAD", 1.0, -1)]
    return tree
