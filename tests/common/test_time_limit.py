"""A limit to how long a piece of work may take."""

import pytest

from bundle.common import time_limit as limits
from bundle.common.time_limit import OutOfTime, check_time, time_limit


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    return now


def test_a_limit_holds_inside_and_nowhere_else(clock):
    clock[0] = 99
    check_time()
    with time_limit(10):
        clock[0] += 9
        check_time()
        clock[0] += 2
        with pytest.raises(OutOfTime):
            check_time()
    check_time()


def test_an_inner_limit_gives_way_to_the_outer_one(clock):
    with time_limit(10):
        with time_limit(0):
            clock[0] += 20
            check_time()
        with pytest.raises(OutOfTime):
            check_time()
