"""Names of whole trees, of broken ones, and of what is no tree."""

import numpy as np
import pytest
from hearts import SEGMENTS, heart

from bundle.common.polylines import resample
from bundle.geometry.core import Segment, Tree
from bundle.geometry.naming import name_branches


def called(tree, names):
    """The name that the middle of each segment of the schema got."""
    points = np.concatenate([branch.points for branch in tree.branches])
    name = np.concatenate([[branch.name] * len(branch.points) for branch in tree.branches])
    out = {}
    for segment, middle in names.items():
        out[segment] = str(name[np.argmin(np.linalg.norm(points - middle, axis=1))])
    return out


def named(*angles, without=()):
    """The tree of the schema with its names, and the names found for its segments."""
    tree, names = heart(angles or (0, 0, 0), without)
    middles = {name: segment.points[len(segment.points) // 2] for name, segment in zip(names, tree.segments)}
    name_branches(tree)
    return tree, called(tree, middles)


def moved(tree, shift):
    for segment in tree.segments:
        segment.points = segment.points + shift
    return tree


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 0, 0), (0, -10, 0), (0, 0, 15), (8, -8, 12)])
def test_an_ordinary_heart_is_named_also_when_it_is_turned_a_little(angles):
    for segment, name in named(*angles)[1].items():
        assert name == segment.split()[0], segment


def test_segments_of_one_vessel_are_one_branch():
    tree, _ = named()
    lad = next(b for b in tree.branches if b.name == "LAD")
    assert tree.branches[lad.parent].name == "LM"
    assert lad.length_mm == pytest.approx(sum(tree.segments[s].length_mm for s in lad.segments))
    assert sorted(s for branch in tree.branches for s in branch.segments) == list(range(len(tree.segments)))


def test_a_left_tree_alone_is_known_as_left():
    _, names = named(without=("RCA 1", "RCA 2", "AM1", "PDA", "PLV"))
    assert names["LAD 2"] == "LAD" and names["LCx 1"] == "LCx"


def test_a_right_tree_alone_is_known_as_right():
    left = ("LM", "LAD 1", "LAD 2", "D1", "LCx 1", "LCx 2", "OM1")
    _, names = named(without=left)
    assert names["RCA 1"] == names["RCA 2"] == "RCA"


def test_the_stump_of_a_left_tree_is_named_as_a_reader_would():
    """All that is seen of it is its left main and the first centimetre of its two arteries."""
    tree, names = heart(without=("LAD 2", "D1", "LCx 2", "OM1"))
    for name in ("LAD 1", "LCx 1"):
        segment = tree.segments[names.index(name)]
        short = segment.arrays(slice(0, 24))
        tree.segments[names.index(name)] = Segment(**short, parent=segment.parent, tree=0)
    name_branches(tree)
    found = {branch.name: branch for branch in tree.branches}
    assert {"LM", "LAD", "LCx", "RCA"} <= set(found)
    assert found["LAD"].points[-1][1] > found["LCx"].points[-1][1]


def test_a_detached_piece_is_named_by_where_it_lies():
    """The LAD without its first centimetres is a tree of its own."""
    tree, names = heart()
    for name in ("LAD 2",):
        part = tree.segments[names.index(name)]
        tree.segments[names.index(name)] = Segment(**part.arrays(slice(12, None)), parent=-1, tree=2)
    name_branches(tree)
    piece = next(b for b in tree.branches if b.tree == 2)
    assert piece.name == "LAD" and piece.parent == -1


def test_without_a_circumflex_the_left_main_becomes_the_lad_on_the_way():
    tree, _ = named(without=("LCx 1", "LCx 2", "OM1", "D1"))
    lengths = {branch.name: branch.length_mm for branch in tree.branches}
    assert lengths["LAD"] > 80 and lengths.get("LM", 0.0) < 25
    for above, below in ((b.parent, b) for b in tree.branches if b.parent >= 0):
        gaps = np.linalg.norm(tree.branches[above].points - below.points[0], axis=1)
        assert gaps.min() == pytest.approx(0, abs=1e-9)  # a segment was cut, not shortened


def test_names_do_not_depend_on_where_the_scanner_puts_its_origin():
    here, there = heart()[0], moved(heart()[0], np.array([310.0, -95.0, 1720.0]))
    names = [[b.name for b in name_branches(tree).branches] for tree in (here, there)]
    assert names[0] == names[1]


def test_a_vessel_along_no_course_of_the_heart_is_unknown():
    """A straight line from the apex far down, as a vessel of the belly runs."""
    tree, _ = heart()
    points = resample(np.array([[60.0, -60, -120], [60, -60, -220]]), 0.5)
    flags, width = np.zeros(len(points), bool), np.full(len(points), 1.2)
    tree.segments.append(Segment(points, width, width, flags, flags, -1, 2))
    name_branches(tree)
    assert next(b for b in tree.branches if b.tree == 2).name == "unknown"


@pytest.mark.parametrize("place", [(-50, 0, -20), (-44, 4, -40), (-30, -10, -60)])
def test_a_crumb_on_the_left_wall_is_no_right_coronary(place):
    tree, _ = heart()
    points = resample(np.array([place, np.add(place, (4, 0, 0))], float), 0.5)
    flags, width = np.zeros(len(points), bool), np.full(len(points), 0.5)
    tree.segments.append(Segment(points, width, width, flags, flags, -1, 2))
    name_branches(tree)
    assert next(b for b in tree.branches if b.tree == 2).name != "RCA"


def test_one_vessel_with_nothing_beside_it_is_unknown():
    points = resample(np.array([[0.0, 0, 0], [-20, 30, -40]]), 0.5)
    flags, width = np.zeros(len(points), bool), np.full(len(points), 1.5)
    tree = name_branches(Tree([Segment(points, width, width, flags, flags, -1, 0)]))
    assert [branch.name for branch in tree.branches] == ["unknown"]


def test_twigs_are_not_counted():
    """A spur of 5 mm on the LAD before D1 does not make D1 the second diagonal."""
    tree, names = heart()
    at = tree.segments[names.index("LAD 1")].points[-1]
    points = resample(np.stack([at, at + [-4.0, 1, -3]]), 0.5)
    flags, width = np.zeros(len(points), bool), np.full(len(points), 0.5)
    tree.segments.append(Segment(points, width, width, flags, flags, names.index("LAD 1"), 0))
    name_branches(tree)
    assert [b.name for b in tree.branches if b.name.startswith("D")] == ["D1"]


def test_confidences_are_between_0_and_1():
    tree, _ = named()
    assert all(0 <= b.confidence <= 1 for b in tree.branches)
    assert len(SEGMENTS) >= len(tree.branches)


def test_no_tree_no_names():
    assert name_branches(Tree()).branches == []


def test_where_the_right_coronary_turns_into_the_rear_groove_it_is_the_pda():
    """No branch marks the crux, and 12 mm of what runs to the apex behind it are seen."""
    tree, names = heart(without=("PLV",))
    number = list(names).index("PDA")
    pda = tree.segments[number]
    tree.segments[number] = Segment(**pda.arrays(slice(25)), parent=pda.parent, tree=pda.tree)
    found = {branch.name for branch in name_branches(tree).branches if branch.tree == pda.tree}
    assert found == {"RCA", "AM1", "PDA"}


def test_both_branches_of_a_posterolateral_trunk_are_named():
    tree, names = heart()
    plv = tree.segments[list(names).index("PLV")]
    for way in ([[-8, 4, -8], [-22, 16, -18]], [[-10, -4, 4], [-24, 2, -2]]):
        points = resample(plv.points[-1] + np.array([[0, 0, 0], *way]), 0.5)
        count = len(points)
        none, radius = np.zeros(count, bool), np.full(count, 0.9)
        parent = list(names).index("PLV")
        tree.segments.append(Segment(points, radius, radius, none, none, parent, plv.tree))
    found = [branch.name for branch in name_branches(tree).branches]
    assert "PLV" in found and "PLV2" in found and found.count("PLV") == 1
