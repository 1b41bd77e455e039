"""Windows are laid where they see most, until all that is wanted lies in the middle of one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.inferers.seen import STEP, Seen


def all_windows(seen):
    starts = []
    while taken := seen.take(1):
        starts += taken
    return starts


def test_what_fits_into_a_window_takes_one_wherever_it_lies():
    seen = Seen((200, 120, 120), (64, 64, 64), (8, 8, 8), 4)
    seen.wanted[13:24, 9:20, 9:20] = True  # 44 voxels wide, over what would be the edge of two windows
    (start,) = all_windows(seen)
    middle = [(voxels + 64 / 2) / 4 for voxels in start]
    assert np.allclose(middle, [18.5, 14.5, 14.5], atol=STEP)
    assert not seen.unseen().any()


def test_a_tube_along_an_axis_takes_hardly_more_windows_than_its_length_asks_for():
    seen = Seen((400, 64, 64), (64, 64, 64), (8, 8, 8), 4)
    seen.wanted[:, 8, 8] = True
    starts = all_windows(seen)
    assert 8 <= len(starts) <= 10  # (400 - 2 * 8) / 48 is 8
    assert {start[1:] for start in starts} == {(0, 0)}


def test_nothing_wanted_takes_nothing_and_more_may_be_wanted_later():
    seen = Seen((100, 100, 100), (40, 40, 40), (4, 4, 4), 5)
    assert seen.take(3) == []
    seen.wanted[2, 2, 2] = True
    assert len(seen.take(3)) == 1 and seen.take(3) == []
    seen.wanted[18, 18, 18] = True
    assert len(seen.take(3)) == 1


@settings(deadline=None)
@given(st.data())
def test_all_that_is_wanted_is_seen_by_the_middle_of_a_window_or_at_the_volumes_own_edge(data):
    cell = data.draw(st.integers(1, 5))
    roi = data.draw(st.tuples(*[st.integers(4 * STEP * cell, 60)] * 3))
    size = tuple(n + data.draw(st.integers(0, 90)) for n in roi)
    border = tuple(data.draw(st.integers(0, n // 2 - STEP * cell)) for n in roi)
    seen = Seen(size, roi, border, cell)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    seen.wanted = wanted = rng.random(seen.shape) < data.draw(st.sampled_from([0.002, 0.1, 1.0]))
    starts = all_windows(seen)
    covered = np.zeros(seen.shape, bool)
    for start in starts:
        boxes = []
        for first, length, edge, n, cells in zip(start, roi, border, size, seen.shape):
            assert 0 <= first <= n - length
            centers = np.arange(cells) * cell + cell // 2
            inside = (centers >= first + edge) & (centers < first + length - edge)
            inside |= (first == 0) & (centers < first + edge)
            boxes.append(inside | ((first + length == n) & (centers >= n - edge)))
        covered |= boxes[0][:, None, None] & boxes[1][:, None] & boxes[2]
    assert covered[wanted].all() and len(set(starts)) == len(starts)
