"""How one tree lies in another of the same person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from twice import heart_branches, moved, rigid, without

from bundle.geometry.compare import register_trees


@pytest.fixture(scope="module")
def heart():
    return heart_branches()


def test_a_tree_lies_on_itself(heart):
    found = register_trees(heart, heart)
    np.testing.assert_allclose(found.rigid, np.eye(4), atol=1e-3)
    assert [(pair.first, pair.second) for pair in found.pairs] == [(i, i) for i in range(len(heart))]
    for pair in found.pairs:
        np.testing.assert_allclose(pair.course.there, pair.course.along, atol=0.01)


@pytest.mark.parametrize("named", [True, False])
def test_a_turned_and_moved_copy_gives_the_turn_and_the_shift_back(heart, named):
    matrix = rigid((20, -15, 15), (25, -20, 20))
    there = moved(heart, matrix)
    if not named:
        there = [replace(branch, name="unknown") for branch in there]
    found = register_trees(heart, there)
    np.testing.assert_allclose(found.rigid[:3, :3], matrix[:3, :3], atol=1e-3)
    points = np.concatenate([branch.points for branch in heart])
    np.testing.assert_allclose(found.move(points), points @ matrix[:3, :3].T + matrix[:3, 3], atol=0.05)
    assert all(pair.first == pair.second for pair in found.pairs)


def test_a_bent_heart_is_followed_place_by_place(heart):
    def bent(points):
        wave = np.sin(points[:, [2, 0, 1]] / 30.0)
        return points + 5.0 * wave * np.array([0.7, 0.5, 0.5])

    found = register_trees(heart, [replace(branch, points=bent(branch.points)) for branch in heart])
    errors = []
    for pair in found.pairs:
        assert pair.first == pair.second
        branch = heart[pair.first]
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(bent(branch.points), axis=0), axis=1))])
        true = np.interp(pair.course.along, branch.along_mm, along)
        errors.append(np.abs(pair.course.there - true))
    assert np.median(np.concatenate(errors)) < 0.3


def test_names_that_are_swapped_do_not_mislead(heart):
    names = {"D1": "OM1", "OM1": "D1"}
    there = [replace(branch, name=names.get(branch.name, branch.name)) for branch in heart]
    found = register_trees(heart, there)
    assert all(pair.first == pair.second for pair in found.pairs)


def test_a_missing_branch_has_no_partner_and_a_later_beginning_is_found(heart):
    shorter = without(heart, "D1")
    number = [branch.name for branch in shorter].index("RCA")
    cut = shorter[number]
    later = {name: values[20:] for name, values in cut.arrays().items()}
    shorter[number] = replace(cut, **later)
    found = register_trees(heart, shorter)
    names = {(heart[pair.first].name, shorter[pair.second].name) for pair in found.pairs}
    assert "D1" not in {first for first, _ in names} and all(first == second for first, second in names)
    (pair,) = (pair for pair in found.pairs if heart[pair.first].name == "RCA")
    begins = heart[pair.first].along_mm[20]
    np.testing.assert_allclose(pair.course.there, pair.course.along - begins, atol=0.2)


def test_a_vessel_in_pieces_is_matched_piece_by_piece(heart):
    number = [branch.name for branch in heart].index("RCA")
    whole, pieces = heart[number], list(heart)
    half = len(whole.points) // 2
    pieces[number] = replace(whole, **whole.arrays(slice(0, half)))
    pieces.append(replace(whole, **whole.arrays(slice(half + 4, None)), parent=-1, name="unknown"))
    pieces = [replace(b, parent=-1) if b.parent == number else b for b in pieces]
    found = register_trees(heart, pieces)
    assert {pair.second for pair in found.pairs if pair.first == number} == {number, len(pieces) - 1}


def test_trees_that_are_not_of_one_person_are_refused(heart):
    mirrored = [replace(branch, points=branch.points * [-1, 1, 1]) for branch in heart]
    with pytest.raises(ValueError, match="mirrored"):
        register_trees(heart, mirrored)
    with pytest.raises(ValueError, match="the second scan shows no vessel"):
        register_trees(heart, [])
