"""Numbers of a config beyond their bounds are named."""

import pytest

from bundle.common.errors import InputError
from bundle.common.limits import check_limits


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("batch_size", 0, "batch_size is 0; it must be 1 or more"),
        ("max_epochs", -1, "1 or more"),
        ("num_workers", -2, "0 or more"),
        ("min_component_mm3", -60, "0 or more"),
        ("threshold_upper", 35, "between 0 and 1"),
        ("dropout", 20, "between 0 and 1"),
        ("threshold_lower", float("nan"), "between 0 and 1"),
        ("learning_rate", -0.001, "more than 0"),
        ("hu_range", [700, -300], "the lower and the upper HU"),
        ("hu_range", [-500], "the lower and the upper HU"),
        ("amp_dtype", "fp16", "float16"),
    ],
)
def test_a_number_beyond_its_bounds_is_named(key, value, words):
    with pytest.raises(InputError, match=words):
        check_limits({key: value})


def test_a_lower_threshold_above_the_upper_is_named():
    with pytest.raises(InputError, match=r"threshold_lower is 0.5, above the threshold_upper of 0.35"):
        check_limits({"threshold_lower": 0.5, "threshold_upper": 0.35})


def test_what_is_right_or_no_number_yet_is_left_alone():
    check_limits({"batch_size": 1, "dropout": 0, "hu_range": (-500, 1000), "amp_dtype": "bfloat16"})
    check_limits({"batch_size": "$1 + 1", "threshold_upper": "@threshold_lower", "hu_range": "$[0, 1]"})
    check_limits({})
