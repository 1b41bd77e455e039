"""Rules of anatomy for whole vessels hold whatever the stretches cost."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.geometry.core import Segment, Tree
from bundle.geometry.naming.anatomy import LABELS
from bundle.geometry.naming.labels import NONE, label_stretches, runs_of
from bundle.geometry.naming.rules import consistent
from bundle.geometry.naming.stretches import cut


def tree_of(*parts):
    """A tree of straight segments of one width, (parent, length in mm) each, at right angles."""
    segments = []
    for number, (parent, length) in enumerate(parts):
        way = np.eye(3)[number % 3]
        start = segments[parent].points[-1] if parent >= 0 else np.zeros(3)
        points = start + np.linspace(0, length, int(length / 0.5) + 1)[:, None] * way
        flags, width = np.zeros(len(points), bool), np.full(len(points), 1.0)
        segments.append(Segment(points, width, width, flags, flags, parent, 0))
    return Tree(segments)


def priced(pieces, *costs, others=30.0):
    """(N, L + 1): what each segment costs under some labels, shared out among its stretches."""
    cost = np.full((len(pieces.segment), NONE + 1), others)
    for number, each in enumerate(costs):
        own = np.flatnonzero(pieces.segment == number)
        for label, value in each.items():
            cost[own, LABELS.index(label)] = value / len(own)
    return cost


def vessels(pieces, labels):
    """(name, length in mm) of each vessel."""
    runs = runs_of(pieces.stretches, labels)
    return [(LABELS[labels[run[0]]], float(pieces.length_mm[run].sum())) for run in runs]


def test_a_left_main_that_divides_in_three_over_a_short_stem_gives_one_lad():
    """What leaves before the stem costs a little less as a second LAD than as the ramus that it is."""
    pieces = cut(tree_of((-1, 10), (0, 2), (0, 20), (1, 20), (1, 14)))
    cost = priced(
        pieces, {"LM": 0.1}, {"LM": 0.1}, {"LAD": 0.5, "RI": 0.7},
        {"LAD": 0.0, "RI": 9.0}, {"LCx": 0.4, "RI": 0.9},
    )  # fmt: skip
    free, _ = label_stretches(pieces.stretches, cost)
    assert [name for name, _ in vessels(pieces, free)].count("LAD") == 2
    labels, _ = consistent(pieces, cost)
    assert [name for name, _ in vessels(pieces, labels)] == ["LM", "RI", "LAD", "LCx"]


def far_part(length_mm):
    """What the straight vessel behind a diagonal of an LAD is called that fits a septal branch better."""
    pieces = cut(tree_of((-1, 40), (0, length_mm), (0, 20)))
    cost = priced(pieces, {"LAD": 0.0}, {"LAD": 11.0, "S": 1.0}, {"D": 0.5})
    labels, _ = consistent(pieces, cost)
    return LABELS[labels[np.flatnonzero(pieces.segment == 1)[0]]]


def test_a_vessel_of_seven_centimetres_in_the_front_groove_is_no_septal_branch():
    assert far_part(30) == "S" and far_part(70) == "LAD"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_no_tree_has_two_of_what_a_heart_has_one_of(seed):
    """Of stretches with any costs."""
    rng = np.random.default_rng(seed)
    tree = tree_of((-1, 15), (0, 10), (0, 60), (1, 100), (1, 20), (2, 60), (2, 60))
    pieces = cut(tree)
    cost = rng.uniform(0, 6, (len(tree.segments), NONE + 1))[pieces.segment]
    labels, total = consistent(pieces, cost)
    found = vessels(pieces, labels)
    names = [name for name, _ in found]
    assert all(names.count(name) <= 1 for name in ("LAD", "LCx", "PDA"))
    assert not [length for name, length in found if name == "S" and length > 50]
    assert total >= label_stretches(pieces.stretches, cost)[1] - 1e-9
