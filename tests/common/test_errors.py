"""How a run ends that fails: behind its sentence nothing more may go wrong."""

import sys
import time
from multiprocessing.pool import ThreadPool

import pytest

from bundle.common.errors import InputError, plain_errors


def test_the_threads_of_a_pool_are_waited_for(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    finished = []
    with ThreadPool(1) as pool:  # which the end of the block stops, without waiting for its threads
        pool.apply_async(lambda: (time.sleep(0.3), finished.append(True)))
        time.sleep(0.1)
    assert not finished
    plain_errors()
    error = InputError("a scan is at fault")
    with pytest.raises(SystemExit) as end:
        sys.excepthook(InputError, error, None)
    assert end.value.code == 2 and finished
