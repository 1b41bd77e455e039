import pytest
from hearts import heart

from bundle.geometry.core.tree import Tree
from bundle.geometry.measure.names import name_branches


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
