"""Paths and URLs as they are typed."""

from __future__ import annotations

from pathlib import Path

import typer

from bundle.common.filenames import is_url

__all__ = ["given_input", "place"]


def place(typed: str) -> Path | str:
    """A path; a URL as it stands, of which `Path` would take a slash."""
    return typed if is_url(typed) else Path(typed)


def given_input(typed: str) -> Path | str:
    """The same, of what must be there; of a URL its reader says so.

    Raises:
        typer.BadParameter: no such path.
    """
    found = place(typed)
    if isinstance(found, Path) and not found.exists():
        raise typer.BadParameter(f"Path {typed!r} does not exist.")
    return found
