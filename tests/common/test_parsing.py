"""Yes or no from a command line."""

import pytest

from bundle.common.errors import InputError
from bundle.common.parsing import parse_bool


@pytest.mark.parametrize("value", [True, 1, "true", "True", "YES", "on", "1"])
def test_yes(value):
    assert parse_bool(value) is True


@pytest.mark.parametrize("value", [False, 0, None, "", "false", "False", "no", "off", "0"])
def test_no(value):
    assert parse_bool(value) is False


def test_anything_else_is_refused_by_name():
    with pytest.raises(InputError, match="resume is 'maybe'"):
        parse_bool("maybe", "resume")
