"""A schematic coronary tree with names."""

import numpy as np
from shapes import rotation

from bundle.common.polylines import resample
from bundle.geometry.core.tree import Segment, Tree

# A schematic heart, RAS mm: R to the right, A to the front, S up; (points, radius) of each segment.
SEGMENTS = {
    "LM": (None, [[5, 5, 10], [-6, 4, 10]], 2.2),
    "LAD 1": ("LM", [[-6, 4, 10], [-12, 16, 8], [-18, 26, 2]], 1.8),
    "LAD 2": ("LAD 1", [[-18, 26, 2], [-26, 38, -18], [-32, 42, -40], [-34, 40, -60]], 1.4),
    "D1": ("LAD 1", [[-18, 26, 2], [-30, 28, -8], [-44, 28, -25]], 1.0),
    "LCx 1": ("LM", [[-6, 4, 10], [-16, -4, 8], [-26, -16, 2]], 1.7),
    "LCx 2": ("LCx 1", [[-26, -16, 2], [-28, -26, -4], [-24, -36, -10]], 1.1),
    "OM1": ("LCx 1", [[-26, -16, 2], [-38, -16, -14], [-48, -10, -34]], 1.2),
    "RCA 1": (None, [[18, 22, 8], [28, 30, 4], [38, 32, -8]], 1.9),
    "RCA 2": ("RCA 1", [[38, 32, -8], [42, 20, -26], [38, 0, -40], [26, -18, -46], [12, -30, -46]], 1.7),
    "AM1": ("RCA 1", [[38, 32, -8], [36, 40, -24], [22, 44, -40]], 0.9),
    "PDA": ("RCA 2", [[12, -30, -46], [0, -20, -56], [-14, -4, -62]], 1.1),
    "PLV": ("RCA 2", [[12, -30, -46], [2, -38, -40], [-10, -42, -34]], 1.1),
}


def heart(angles=(0, 0, 0), without=()):
    names = [n for n in SEGMENTS if n not in without and SEGMENTS[n][0] not in without]
    segments = []
    for name in names:
        mother, points, radius = SEGMENTS[name]
        points = resample(np.asarray(points, float) @ rotation(angles).T, 0.5)
        n = len(points)
        none = np.zeros(n, bool)
        parent = names.index(mother) if mother else -1
        tree = 0 if name.split()[0] in ("LM", "LAD", "D1", "LCx", "OM1") else 1
        segments.append(Segment(points, np.full(n, radius), np.full(n, radius), none, none, parent, tree))
    return Tree(segments), names
