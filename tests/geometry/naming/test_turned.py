"""Trees that begin at the wrong end are turned round, and nothing of them is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hearts import heart

from bundle.geometry.core import Tree
from bundle.geometry.naming import name_branches
from bundle.geometry.naming.turned import _begun_at


def tips_of(tree):
    inner = {part.parent for part in tree.segments}
    return [i for i in range(len(tree.segments)) if i not in inner]


def edges_of(segments):
    return sorted(tuple(sorted(map(tuple, part.points[[0, -1]].round(6)))) for part in segments)


@pytest.mark.parametrize("which", range(4))
def test_a_tree_begun_elsewhere_is_the_same_tree(which):
    tree, _ = heart()
    tip = tips_of(tree)[which]
    turned = _begun_at(tree.segments, tip)
    assert edges_of(turned) == edges_of(tree.segments)
    begins = [part for part in turned if part.parent < 0 and part.tree == tree.segments[tip].tree]
    assert len(begins) == 1 and np.array_equal(begins[0].points[0], tree.segments[tip].points[-1])
    for number, part in enumerate(turned):
        assert part.parent < number
        if part.parent >= 0:
            assert np.allclose(part.points[0], turned[part.parent].points[-1])
            assert part.tree == turned[part.parent].tree
    others = [part for part in tree.segments if part.tree != tree.segments[tip].tree]
    kept = [part for part in turned if part.tree != tree.segments[tip].tree]
    assert edges_of(kept) == edges_of(others)


def test_begun_at_its_own_start_again_it_is_as_before():
    tree, _ = heart()
    start = tree.segments[0]
    turned = _begun_at(tree.segments, tips_of(tree)[0])
    back = [i for i, part in enumerate(turned) if np.array_equal(part.points[-1], start.points[0])]
    assert edges_of(_begun_at(turned, back[0])) == edges_of(tree.segments)


def test_a_right_coronary_that_begins_at_its_far_end_is_named_all_the_same():
    tree, _ = heart()
    right = max(part.tree for part in tree.segments)
    names = {branch.name for branch in name_branches(heart()[0]).branches if branch.tree == right}
    assert "RCA" in names
    far = [tip for tip in tips_of(tree) if tree.segments[tip].tree == right][-1]
    begun = Tree(_begun_at(tree.segments, far))
    assert {b.name for b in name_branches(begun).branches if b.tree == right} >= {"RCA"}
    start = next(part for part in begun.segments if part.parent < 0 and part.tree == right)
    true = next(part for part in tree.segments if part.parent < 0 and part.tree == right)
    assert np.array_equal(start.points[0], true.points[0])


def test_a_left_tree_that_begins_in_a_bit_of_vein_has_its_left_main():
    """The circumflex runs into a vein twice as wide as the left main, which is where the tree begins then."""
    tree, _ = heart()
    tip = max(
        (i for i in tips_of(tree) if tree.segments[i].tree == 0),
        key=lambda i: -tree.segments[i].points[-1][1],
    )
    tree.segments[tip].radius[-12:] = 4.5
    begun = Tree(_begun_at(tree.segments, tip))
    main = np.array([0.0, 4.5, 10.0])  # between ostium and bifurcation
    for other in (tree, begun):
        branches = name_branches(other).branches
        near = min(branches, key=lambda b: np.linalg.norm(b.points - main, axis=1).min())
        assert near.name == "LM" and near.parent < 0
        assert {b.name for b in branches} >= {"LM", "LAD", "LCx", "OM1", "D1"}
