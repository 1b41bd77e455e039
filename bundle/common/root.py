"""Where configs and weights lie: beside the package in a checkout, inside it where pip installed it."""

from __future__ import annotations

from pathlib import Path

import bundle

__all__ = ["bundle_root", "shown_path"]


def bundle_root() -> Path:
    """The folder with ``configs/`` and ``models/`` that the configs call ``bundle_root``.

    A wheel carries both inside the package, in ``bundle/root/`` (setup.py puts them there): MONAI adds the
    bundle's root to Python's search path, which must not show the package's own folders.

    Example:
        >>> (bundle_root() / "configs" / "inference.yaml").is_file()
        True
    """
    package = Path(bundle.__file__).parent
    carried = package / "root"
    return carried if carried.is_dir() else package.parent


def shown_path(file: str | Path) -> str:
    """A file as a person reads it; one of the bundle's as configs/train.yaml, below the root."""
    try:
        return Path(file).relative_to(bundle_root()).as_posix()
    except ValueError:
        return str(file)
