import numpy as np
import pytest
from shapes import rotation

from bundle.geometry.anatomy import name_branches
from bundle.geometry.polyline import resample
from bundle.geometry.tree import Segment, Tree

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


def called(tree, names):
    """The name that each segment of the schema got."""
    out = {}
    for branch in tree.branches:
        for segment in branch.segments:
            out[names[segment]] = branch.name
    return out


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 0, 0), (0, -10, 0), (0, 0, 15), (-8, 8, -12)])
def test_an_ordinary_heart_is_named_also_when_it_is_turned_a_little(angles):
    tree, names = heart(angles)
    name_branches(tree)
    for segment, name in called(tree, names).items():
        assert name == segment.split()[0], segment


def test_segments_of_one_vessel_are_one_branch():
    tree, _ = heart()
    name_branches(tree)
    lad = next(b for b in tree.branches if b.name == "LAD")
    assert len(lad.segments) == 2
    assert tree.branches[lad.parent].name == "LM"
    assert lad.length_mm == pytest.approx(sum(tree.segments[s].length_mm for s in lad.segments))


def test_a_left_tree_alone_is_known_as_left():
    tree, names = heart(without=("RCA 1", "RCA 2", "AM1", "PDA", "PLV"))
    name_branches(tree)
    assert called(tree, names)["LAD 2"] == "LAD"


def test_a_small_piece_is_unknown_and_not_guessed():
    tree, names = heart(without=("LAD 1", "LAD 2", "D1", "LCx 1", "LCx 2", "OM1"))
    name_branches(tree)
    assert called(tree, names)["LM"] == "unknown"


def test_confidences_are_between_0_and_1():
    tree, _ = heart()
    assert all(0 <= b.confidence <= 1 for b in name_branches(tree).branches)


def test_no_tree_no_names():
    assert name_branches(Tree()).branches == []
