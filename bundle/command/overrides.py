"""Keys of a config from the words behind ``--set``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

__all__ = ["Set", "read_overrides"]

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="a key of the config, its value as YAML; several times"),
]


def read_overrides(pairs: Sequence[str] | None) -> dict[str, Any]:
    """``["batch_size=2", "channels=[4,8]"]`` to ``{"batch_size": 2, "channels": [4, 8]}``.

    Raises:
        typer.BadParameter: no ``=``, a value that is not YAML, or a key that comes twice.
    """
    import yaml

    found: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"--set takes KEY=VALUE, and {pair!r} has no {'key' if equals else '='}")
        if key in found:
            raise typer.BadParameter(f"--set gives {key} twice")
        try:
            # YAML 1.1 takes 1e-4 for a word.
            is_power = re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value)
            found[key] = float(value) if is_power else yaml.safe_load(value)
        except yaml.YAMLError:
            raise typer.BadParameter(f"--set {pair}: the value cannot be read as YAML") from None
    return found
