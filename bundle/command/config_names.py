"""A config by the name that a person gives it."""

from __future__ import annotations

import difflib
from pathlib import Path

from bundle.common.errors import InputError
from bundle.common.root import bundle_root

__all__ = ["find_config"]


def find_config(name: str | Path) -> Path:
    """A file in the working folder or elsewhere, or one of the bundle's configs.

    Args:
        name: a path; one of the bundle's also as ``configs/modes/tta.yaml`` or ``modes/tta.yaml``.

    Raises:
        InputError: there is no such file; the sentence names the bundle's config that looks most like it.
    """
    name, configs = Path(name), bundle_root() / "configs"
    for path in (name, bundle_root() / name, configs / name):
        if path.is_file():
            return path
    known = {path.relative_to(configs).as_posix(): path for path in sorted(configs.rglob("*.yaml"))}
    names = {Path(text).name: text for text in known} | {text: text for text in known}
    near = difflib.get_close_matches(name.as_posix().removeprefix("configs/"), names, n=1)
    near = near or difflib.get_close_matches(name.name, names, n=1)
    hint = (
        f"; did you mean {names[near[0]]}?"
        if near
        else "; give a file, or one of the bundle's such as modes/tta.yaml."
    )
    what = "is a folder" if name.is_dir() else "is not there"
    raise InputError(f"the config '{name}' {what}{hint}")
