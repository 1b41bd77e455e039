"""One HTML file out of a template, styles, scripts and data, which asks no network for anything."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["ASSETS", "LARGEST_BYTES", "as_script_text", "asset", "filled"]

ASSETS = Path(__file__).parent / "assets"
LARGEST_BYTES = 6_000_000
"""What the page of a case may take on the disk."""


@lru_cache
def asset(name: str) -> str:
    """A file of `assets/` as text."""
    return (ASSETS / name).read_text(encoding="utf-8")


def as_script_text(content: Any) -> str:
    """JSON that can stand in a script tag: no text in it ends the tag or begins a comment.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot hold.
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def filled(
    template: str, title: str, styles: Sequence[str], scripts: Sequence[str], data: Mapping, icon: str = ""
) -> str:
    """The page: `template` with its title, its styles, its data and its scripts in their order.

    Its Content-Security-Policy lets only these very styles and scripts work, by their hashes, and pictures
    that stand in the page itself: whatever text a case brings, the browser runs none of it and asks no
    network for anything (W3C, Content Security Policy Level 3).

    Args:
        template, styles, scripts: names of files in `assets/`.
        title: any text. icon: a data URL, for the tab and the row in the cohort's page.
    """
    css, code = "\n".join(asset(name) for name in styles), [asset(name) for name in scripts]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, code))}; style-src {_hash(css)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "POLICY": html.escape(policy, quote=False),
        "TITLE": html.escape(title),
        "ICON": html.escape(icon) or "data:,",
        "STYLE": f"<style>{css}</style>",
        "DATA": f'<script type="application/json" id="data">{as_script_text(data)}</script>',
        "SCRIPTS": "\n".join(f"<script>{text}</script>" for text in code),
    }
    pieces = asset(template).split("%%")  # every second one is the name of a part
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
