"""What a person should know about a case before trusting it, carried in the meta data of its image.

A string, a line a warning: lists of different lengths would not survive MONAI's collation of a batch.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

__all__ = ["KEY", "add_warning", "warnings_of"]

KEY = "warnings"


def add_warning(meta: MutableMapping[str, Any], sentence: str) -> None:
    """Add a sentence to the meta data of an image, or of a batch, there to each of its images."""
    held = meta.get(KEY, "")
    if isinstance(held, (list, tuple)):
        meta[KEY] = [_joined(lines, sentence) for lines in held]
    else:
        meta[KEY] = _joined(held, sentence)


def warnings_of(meta: MutableMapping[str, Any]) -> list[str]:
    """The sentences in the meta data of one image."""
    return meta.get(KEY, "").splitlines()


def _joined(lines: str, sentence: str) -> str:
    return f"{lines}\n{sentence}" if lines else sentence
