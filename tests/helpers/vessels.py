"""Single vessels as trees."""

import numpy as np

from bundle.geometry.core.tree import Segment, Tree, make_branch


def straight(radius, junction=None):
    """A tree of one straight branch along x with this radius every 0.5 mm."""
    count = len(radius)
    points = np.stack([0.5 * np.arange(count), np.zeros(count), np.zeros(count)], axis=1)
    junction = np.zeros(count, bool) if junction is None else junction
    tree = Tree([Segment(points, radius, radius, junction, np.zeros(count, bool), -1, 0)])
    tree.branches = [make_branch(tree, [0], "LAD", 1.0, -1)]
    return tree
