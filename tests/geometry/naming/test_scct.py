"""Segments of the SCCT, and dominance, of named branches."""

import numpy as np
from hearts import heart

from bundle.geometry.core import Segment
from bundle.geometry.naming import dominance, name_branches, scct_segments


def segments_of(tree):
    numbers = scct_segments(tree)
    return {branch.name: list(dict.fromkeys(n.tolist())) for branch, n in zip(tree.branches, numbers)}


def test_an_ordinary_tree_has_its_segments_in_order():
    tree = name_branches(heart()[0])
    found = segments_of(tree)
    assert found["RCA"] == [1, 2, 3] and found["LM"] == [5] and found["LAD"] == [6, 7, 8]
    assert found["LCx"] == [11, 13] and found["D1"] == [9] and found["OM1"] == [12]
    assert found["PDA"] == [4] and found["PLV"] == [16]
    assert all(len(n) == len(b.points) for n, b in zip(scct_segments(tree), tree.branches))


def test_the_proximal_lad_ends_where_the_first_diagonal_leaves():
    tree = name_branches(heart()[0])
    names = [branch.name for branch in tree.branches]
    lad, first = (tree.branches[names.index(name)] for name in ("LAD", "D1"))
    numbers = scct_segments(tree)[names.index("LAD")]
    end = lad.points[np.flatnonzero(numbers == 6)[-1]]
    assert np.linalg.norm(end - first.points[0]) < 1.0


def test_dominance_is_where_the_pda_comes_from():
    tree = name_branches(heart()[0])
    assert dominance(tree) == "right"
    pda = next(b for b in tree.branches if b.name == "PDA")
    pda.parent = next(i for i, b in enumerate(tree.branches) if b.name == "LCx")
    assert dominance(tree) == "co-dominant"  # the posterolateral branch comes from the RCA still
    next(b for b in tree.branches if b.name == "PLV").parent = pda.parent
    assert dominance(tree) == "left"
    assert segments_of(tree)["PDA"] == [15] and segments_of(tree)["PLV"] == [18]


def test_without_a_pda_dominance_is_not_said():
    assert dominance(name_branches(heart(without=("PDA",))[0])) == "not seen"


def test_of_an_artery_in_pieces_the_first_one_alone_has_segments():
    tree, names = heart()
    part = tree.segments[names.index("RCA 2")]
    tree.segments[names.index("RCA 2")] = Segment(**part.arrays(slice(10, None)), parent=-1, tree=2)
    name_branches(tree)
    pieces = [(b, set(n.tolist())) for b, n in zip(tree.branches, scct_segments(tree)) if b.name == "RCA"]
    assert len(pieces) == 2
    assert sorted(map(sorted, (found for _, found in pieces))) == [[0], [1, 2]]


def test_a_pda_that_hangs_on_nothing_named_says_nothing():
    tree = name_branches(heart()[0])
    for branch in tree.branches:
        if branch.name in ("PDA", "PLV"):
            branch.parent = -1
    assert dominance(tree) == "not seen" and segments_of(tree)["PDA"] == [0]
