"""One true vessel along x, a mask of it with faults, and trees along it, for the tests of studies."""

from __future__ import annotations

import numpy as np
from studies.degrade import Faults, TrueTube, Truth, degrade

from bundle.geometry.core import Segment, Tree, make_branch


def tube(name="RCA", lesions=(), length_mm=60.0, radius_mm=1.8):
    along = np.arange(0, length_mm, 0.05)
    points = np.stack([along, 0 * along, 0 * along], axis=1)
    radius = np.full(len(along), radius_mm)
    narrow = radius.copy()
    for lesion in lesions:
        away = np.clip(np.abs(along - lesion["at_mm"]) / lesion["length_mm"] * 2, 0, 1)
        narrow *= 1 - lesion["percent_diameter_stenosis"] / 100 * (0.5 + 0.5 * np.cos(np.pi * away))
    return TrueTube(name, points, narrow, radius, list(lesions))


def case_of(truth, seed=0, **faults):
    return degrade(Truth([truth]), Faults(**faults), np.random.default_rng(seed))


def tree_along(*stretches, name="RCA", gap=()):
    """Segments along x between pairs of mm, each its own tree and branch; `gap` (from, to) marks a join."""
    segments = []
    for number, (start, end) in enumerate(stretches):
        x = np.arange(start, end, 0.5)
        flags = np.zeros(len(x), bool)
        if gap:
            flags = (x > gap[0]) & (x < gap[1])
        ones = np.ones(len(x))
        points = np.stack([x, 0 * x, 0 * x], axis=1)
        segments.append(Segment(points, ones, ones, np.zeros(len(x), bool), flags, -1, number))
    tree = Tree(segments)
    tree.branches = [make_branch(tree, [n], name, 1.0, -1) for n in range(len(segments))]
    return tree
