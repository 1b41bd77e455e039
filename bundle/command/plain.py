"""How every command line of the project looks: plain text, examples that keep their lines."""

from __future__ import annotations

import inspect

__all__ = ["PLAIN", "with_examples"]

PLAIN = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
"""Of every `typer.Typer`: an error is one line that can be searched for, not a box."""


def with_examples(text: str) -> str:
    """A docstring for Typer, whose examples keep their lines."""
    parts = inspect.cleandoc(text).split("\n\n")
    starts = (" ", "python ", "coronary ")
    return "\n\n".join(f"\b\n{part}" if part.startswith(starts) else part for part in parts)
