"""Config files, each looked at before MONAI lays them over each other: what MONAI raises names no file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import yaml
from monai.bundle import ConfigParser
from monai.bundle.utils import merge_kv

from bundle.common.config_in_use import references_of
from bundle.common.errors import InputError
from bundle.common.root import bundle_root, shown_path

__all__ = ["check_config_files"]

_BASES = ("inference.yaml", "train.yaml", "evaluate.yaml")


def check_config_files(files: Sequence[str]) -> None:
    """Check that every file can be read, and laid over those before it.

    Args:
        files: in the order in which they are laid over each other.

    Raises:
        InputError: a file that is not there, is no YAML or JSON or holds no keys; an overlay with a key below
            a parent that the files before it do not have, or without any key that they have or refer to.
    """
    laid, overlays = ConfigParser(config={}), []
    for number, file in enumerate(files):
        own = _read(file)
        if number and not _touches(own, laid):
            overlays.append((file, own))
        before = " and ".join(map(shown_path, files[:number]))
        for key, value in own.items():
            try:
                merge_kv(laid, key, value)
            except (KeyError, IndexError, TypeError, ValueError):
                above = key.lstrip("+").replace("::", "#").rpartition("#")[0] or key.lstrip("+")
                raise InputError(
                    f"{shown_path(file)} sets {key!r}, and there is no {above!r} in "
                    f"{before or 'a file before it'}{_where_it_belongs(own)}"
                ) from None
    used = {name.partition("::")[0] for name in references_of(laid.get())}
    for file, own in overlays:
        if not _tops(own) & used:
            base = " and ".join(shown_path(other) for other in files if other != file)
            raise InputError(f"{shown_path(file)} sets nothing that {base} uses{_hint(own, laid)}")


def _read(file: str) -> dict[str, Any]:
    shown = shown_path(file)
    if not Path(file).is_file():
        raise InputError(f"the config '{shown}' is not there; correct its path.")
    try:
        own = ConfigParser.load_config_file(file)
    except (yaml.YAMLError, JSONDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else getattr(error, "lineno", None)
        said = getattr(error, "problem", None) or getattr(error, "msg", None) or "it cannot be read"
        where = f", line {line}" if line else ""
        raise InputError(f"{shown}{where} is no valid {_kind(file)}: {said}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{shown} is no text; a config is a YAML or JSON file.") from None
    except OSError as error:
        raise InputError(f"{shown} cannot be read ({error.strerror}).") from None
    except ValueError:
        raise InputError(f"{shown} is no config: its name must end in .yaml, .yml or .json.") from None
    if not isinstance(own, dict) or not all(isinstance(key, str) for key in own):
        raise InputError(f"{shown} is no config: it must hold keys and values, such as 'max_epochs: 50'.")
    return own


def _kind(file: str) -> str:
    return "JSON" if file.lower().endswith(".json") else "YAML"


def _tops(own: dict[str, Any]) -> set[str]:
    return {key.lstrip("+").replace("::", "#").partition("#")[0] for key in own}


def _touches(own: dict[str, Any], laid: ConfigParser) -> bool:
    """Whether an overlay has a key of what it is laid over, or one below it."""
    return any(top in laid for top in _tops(own))


def _hint(own: dict[str, Any], laid: ConfigParser) -> str:
    others = laid.get().keys() - _tops(own)
    near = {top: difflib.get_close_matches(top, others, n=1, cutoff=0.8) for top in sorted(_tops(own))}
    said = [f"did you mean {found[0]} instead of {top}?" for top, found in near.items() if found]
    return f"; {said[0]}" if said else _where_it_belongs(own)


def _where_it_belongs(own: dict[str, Any]) -> str:
    """The rest of a sentence about an overlay: the bundle's own configs that it fits."""
    fits = [name for name in _BASES if _fits(own, bundle_root() / "configs" / name)]
    if fits:
        return f"; it belongs over {' or '.join(fits)}."
    return "; correct the keys, or lay it over its own config."


def _fits(own: dict[str, Any], base: Path) -> bool:
    laid = ConfigParser(config=ConfigParser.load_config_file(str(base)))
    if not _touches(own, laid):
        return False
    try:
        for key, value in own.items():
            merge_kv(laid, key, value)
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return True
