"""The least costly labels are those of an exhaustive search."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.geometry.naming import labels as rules
from bundle.geometry.naming.anatomy import LABELS
from bundle.geometry.naming.labels import NONE, Stretches, label_stretches, runs_of

LEFT, RIGHT = (
    [LABELS.index(name) for name in names] for names in (("LM", "LAD", "LCx", "D"), ("RCA", "PDA", "PLV"))
)


def price(stretches, cost, labels):
    """What an assignment costs by the rules, said again without dynamic programming."""
    total = 0.0
    main = LABELS.index("LM")
    for number, below in enumerate(stretches.children()):
        own = labels[number]
        total += cost[number, own]
        if stretches.parent[number] < 0:
            total += rules._BEGIN[own]
        if len(below) == 1:
            total += rules._CHANGE[own, labels[below[0]]]
        elif below:
            kinds = [labels[child] for child in below]
            onward = [i for i, kind in enumerate(kinds) if kind == own]
            if own == main:
                single = [k for k in kinds if k in [LABELS.index(n) for n in ("LM", "LAD", "LCx")]]
                if len(set(single)) < len(single):
                    return np.inf
                goes_on = stretches.onward + np.where(stretches.stem, 0.0, rules._MAIN_GOES_ON)
                total += sum(goes_on[c] if k == main else rules._SIDE[main, k] for c, k in zip(below, kinds))
                if main not in kinds:
                    missing = [name for name in rules._MISSING if LABELS.index(name) not in kinds]
                    total += sum(rules._MISSING[name] for name in missing)
                continue
            # One of the children of the same label goes on; each further one is a side branch of that label.
            side = rules._SIDE_OF_STEM if stretches.stem[number] else rules._SIDE
            sides = [side[own, kind] for kind in kinds]
            options = [sum(sides) + rules._STOP[own]]
            for i in onward:
                options.append(sum(s for j, s in enumerate(sides) if j != i) + stretches.onward[below[i]])
            total += min(options)
    return total


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from([(-1, 0, 0), (-1, 0, 1, 1), (-1, 0, 0, 1, 1), (-1, 0, 0, 0)]),
    st.sampled_from([LEFT, RIGHT]),
)
def test_no_other_labels_cost_less(seed, parents, some):
    rng = np.random.default_rng(seed)
    parent = np.array(parents)
    count = len(parent)
    forks = np.bincount(parent[parent >= 0], minlength=count) > 1
    onward = np.where(np.isin(parent, np.flatnonzero(forks)), rng.uniform(0, 3, count), 0.0)
    stem = forks & (parent == 0) & rng.choice([False, True], count)
    stretches = Stretches(parent, stem, onward)
    cost = np.full((count, NONE + 1), 50.0)
    cost[:, some] = rng.uniform(0, 6, (count, len(some)))
    labels, total = label_stretches(stretches, cost)
    least = min(price(stretches, cost, each) for each in product(some, repeat=count))
    assert np.isclose(total, price(stretches, cost, labels)) and np.isclose(total, least)


def test_two_posterolateral_branches_of_one_trunk_are_two_vessels():
    """A trunk forks: its straighter child goes on, the other begins. A diagonal goes on in one child."""
    plv = LABELS.index("PLV")
    stretches = Stretches(np.array([-1, 0, 0, 1]), np.zeros(4, bool), np.array([0.0, 1.0, 0.0, 0.0]))
    cost = np.full((4, NONE + 1), 5.0)
    cost[:, plv] = 0.0
    labels, _ = label_stretches(stretches, cost)
    assert (labels == plv).all()
    assert runs_of(stretches, labels) == [[0, 2], [1, 3]]
    cost[:, [plv, LABELS.index("D")]] = cost[:, [LABELS.index("D"), plv]]
    labels, _ = label_stretches(stretches, cost)
    assert (labels[[1, 2]] == LABELS.index("D")).sum() == 1


def test_a_left_main_goes_on_in_a_stem_where_an_intermediate_artery_leaves_before_the_fork():
    """The first child fits the circumflex nearly as well as the intermediate artery that it is."""
    names = {name: LABELS.index(name) for name in ("LM", "LAD", "LCx", "RI")}
    parent = np.array([-1, 0, 0, 1, 1])
    cost = np.full((5, NONE + 1), 50.0)
    cost[:, list(names.values())] = 1.0
    cost[0, names["LM"]] = 0.0
    cost[3, names["LAD"]] = cost[4, names["LCx"]] = 0.4
    cost[2, names["RI"]], cost[2, names["LCx"]], cost[4, names["RI"]] = 0.1, 0.5, 0.8
    stem, onward = np.array([False, True, False, False, False]), np.array([0, 0, 1.0, 0, 1.0])
    labels, _ = label_stretches(Stretches(parent, stem, onward), cost)
    assert [LABELS[label] for label in labels] == ["LM", "LM", "RI", "LAD", "LCx"]


def test_the_circumflex_goes_on_in_one_of_two_branches_that_both_look_like_marginals():
    """It is the one that costs less as the circumflex, though it would cost 2 less as a marginal."""
    lcx, om = LABELS.index("LCx"), LABELS.index("OM")
    stretches = Stretches(np.array([-1, 0, 0]), np.zeros(3, bool), np.array([0.0, 0.0, 1.0]))
    cost = np.full((3, NONE + 1), 50.0)
    cost[0, lcx] = 0.0
    cost[1, [lcx, om]], cost[2, [lcx, om]] = (3.0, 1.0), (5.0, 1.0)
    labels, _ = label_stretches(stretches, cost)
    assert list(labels) == [lcx, lcx, om]
