"""A volume copied plane by plane is the volume, in the order in memory that was asked for."""

import numpy as np
import pytest

from bundle.common.planes import copied_by_planes


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("own", ["C", "F"])
def test_the_copy_has_the_same_voxels_in_the_order_asked_for(own, order):
    volume = np.asarray(np.arange(60).reshape(3, 4, 5), order=own)
    copy = copied_by_planes(volume, np.int16, order)
    np.testing.assert_array_equal(copy, volume)
    assert copy.dtype == np.int16 and copy.flags[f"{order}_CONTIGUOUS"]
    assert not np.shares_memory(copy, volume)


def test_a_function_says_what_is_stored():
    volume = np.arange(60).reshape(3, 4, 5)
    np.testing.assert_array_equal(copied_by_planes(volume, np.uint8, "F", lambda v: v > 7), volume > 7)
