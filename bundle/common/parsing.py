"""Values as a command line gives them."""

from __future__ import annotations

from typing import Any

from bundle.common.errors import InputError

__all__ = ["parse_bool"]


def parse_bool(value: Any, name: str = "the value") -> bool:
    """True or False from a bool, 0 or 1, or a word such as "true", "no" or "off".

    ``python -m monai.bundle run --resume true`` hands over the string "true" (only "True" becomes a bool),
    and the string "false" counts as true in Python.

    Raises:
        InputError: anything else.
    """
    word = str(value).strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0", "none", ""):
        return False
    raise InputError(f"{name} is {value!r}; it must be true or false.")
