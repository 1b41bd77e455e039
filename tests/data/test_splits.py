"""A drawn split is the same every time, and no case is in two parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.common.errors import InputError
from bundle.data.splits import draw_split


@given(
    st.sets(st.text(min_size=1, max_size=4), min_size=3, max_size=60),
    st.floats(0, 0.4),
    st.floats(0, 0.4),
    st.integers(0, 5),
)
def test_every_case_has_one_part_whatever_the_order_on_disk(cases, val, test, seed):
    ordered = sorted(cases)
    parts = draw_split(ordered, val, test, seed)
    assert parts == draw_split(ordered[::-1], val, test, seed)
    assert set(parts) == cases
    for part, fraction in (("validation", val), ("test", test)):
        count = sum(p == part for p in parts.values())
        assert (count > 0) == (fraction > 0)
        assert abs(count - fraction * len(cases)) <= 1


def test_the_seed_changes_the_split_and_nothing_else_does():
    cases = [f"c{n}" for n in range(50)]
    assert draw_split(cases, 0.1, 0.2, 0) != draw_split(cases, 0.1, 0.2, 1)
    first_test = [c for c, p in draw_split(["a", "b", "c", "d", "e"], 0.2, 0.2, 0).items() if p == "test"]
    assert first_test == ["c"]  # on every machine and Python


def test_one_more_case_moves_few_others():
    cases = [f"c{n}" for n in range(100)]
    before, after = draw_split(cases, 0.1, 0.2, 0), draw_split([*cases, "new"], 0.1, 0.2, 0)
    assert sum(before[c] != after[c] for c in cases) <= 2


def test_all_cases_may_be_for_test():
    assert set(draw_split(["a", "b"], 0, 1, 0).values()) == {"test"}


@pytest.mark.parametrize(
    ("count", "val", "test", "sentence"),
    [
        (2, 0.1, 0.2, "2 cases are too few"),
        (1, 0.5, 0.5, "1 cases are too few"),
        (9, 0.6, 0.6, "at most 1 together"),
        (9, -0.1, 0.2, "must be 0 or more"),
    ],
)
def test_splits_that_cannot_be(count, val, test, sentence):
    with pytest.raises(InputError, match=sentence):
        draw_split([str(n) for n in range(count)], val, test, 0)
