"""The config that is being run, for expressions inside it: MONAI gives them no name for it."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.reference_resolver import ReferenceResolver

from bundle.common.root import bundle_root as own_root
from bundle.common.root import shown_path

__all__ = [
    "config_in_use",
    "config_names",
    "inference_steps",
    "references_of",
    "settings_digest",
    "words_of_run",
]

# Where things lie and what they run on, not what is computed.
_PLACES = ("bundle_root", "dataset_dir", "output_dir", "ckpt_path", "device", "runtime", "records")


def config_in_use() -> dict[str, Any] | None:
    """The config, overlays merged and command line applied, that is evaluating the caller's expression.

    The parser is found on the stack. Called from elsewhere there is no config: None.
    """
    frame = inspect.currentframe()
    while frame is not None:
        parser = frame.f_locals.get("self")
        if isinstance(parser, ConfigParser):
            return parser.config
        frame = frame.f_back
    return None


def words_of_run() -> dict[str, Any] | None:
    """The arguments of the `monai.bundle run` that the caller is part of; None where there is none."""
    frame = inspect.currentframe()
    while frame is not None:
        code = frame.f_code
        if code.co_name == "run" and Path(code.co_filename).parts[-3:] == ("monai", "bundle", "scripts.py"):
            return dict(frame.f_locals)
        frame = frame.f_back
    return None


def config_names() -> list[str]:
    """The config files of the `monai.bundle run` that the caller is part of, in the order they are laid.

    One of the bundle's as ``configs/modes/paper.yaml``, another one by its name alone: no folder of a person
    is told. None where there is no such run, or its files are named in a file of arguments.
    """
    files = (words_of_run() or {}).get("config_file") or []
    files = files.split(",") if isinstance(files, str) else files
    shown = [shown_path(Path(file).absolute()) for file in map(str, files)]
    return [name if name.startswith("configs/") else Path(name).name for name in shown]


def settings_digest(*keys: str) -> str:
    """SHA-256 of what the config in use says under ``keys`` and under all that these refer to.

    Keys that it does not have count as nothing. The folders, the weights' path, the device and the runtime
    are left out: what a result depends on is noted elsewhere by what it is.
    """
    config = config_in_use()
    if config is None:
        raise ValueError("settings_digest serves an expression of a config; there is none here")
    found: dict[str, Any] = {}
    waiting = [key for key in keys if key in config]
    while waiting:
        key = waiting.pop()
        top = key.split("::")[0]
        if top in found or top in _PLACES:
            continue
        found[top] = config[top]
        waiting += references_of(config[top])
    text = json.dumps(found, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def references_of(value: Any) -> list[str]:
    """The keys that a value of a config refers to, itself or anywhere inside: ``"$@a + @b#c"`` to a, b::c."""
    if isinstance(value, dict):
        return [r for entry in value.values() for r in references_of(entry)]
    if isinstance(value, (list, tuple)):
        return [r for entry in value for r in references_of(entry)]
    return list(ReferenceResolver.match_refs_pattern(value)) if isinstance(value, str) else []


class _Parsed:
    """The items of a config, each made when it is first asked for."""

    def __init__(self, parser: ConfigParser) -> None:
        self._parser = parser

    def __getitem__(self, key: str) -> Any:
        return self._parser.get_parsed_content(key)


def inference_steps(bundle_root: str | os.PathLike) -> _Parsed:
    """configs/inference.yaml, with the values that the config in use has under the same keys, as objects.

    So an evaluation has the steps of an inference without a copy of them, and what is given to it, on the
    command line or in an overlay, reaches them. MONAI's own macro ``%file::key`` would do for a copy, but it
    looks for the file in the working folder, which is another one in a federated client or a notebook.

    Args:
        bundle_root: folder with configs/; where it has none, that of this package is taken.

    Returns:
        an object whose items are those of the config: ``inference_steps(".")["preprocessing"]``.
    """
    config = config_in_use()
    if config is None:
        raise ValueError("inference_steps serves an expression of a config; there is none here")
    roots = (Path(bundle_root), own_root())
    files = [root / "configs" / "inference.yaml" for root in roots]
    parser = ConfigParser()
    parser.read_config(str(next((file for file in files if file.is_file()), files[0])))
    for key, own in parser.config.items():
        given = config.get(key)
        if key in config and key not in _ITS_OWN and "@inference_config" not in str(given):
            parser.config[key] = _laid_over(own, given)
    _add_what_is_referred_to(parser.config, config)
    # Values that were handed on may call what only the config in use imports.
    parser.config["imports"] += [line for line in config["imports"] if line not in parser.config["imports"]]
    return _Parsed(parser)


# What a run has for itself, though it carries the same name in every config.
_ITS_OWN = ("imports", "dataset", "dataloader", "records", "handlers", "evaluator", "initialize", "run")


def _add_what_is_referred_to(inference: dict[str, Any], config: dict[str, Any]) -> None:
    """Keys of an overlay's own, which what it hands on needs."""
    waiting = list(inference)
    while waiting:
        for reference in references_of(inference[waiting.pop()]):
            key = reference.split("::")[0]
            if key not in inference and key in config:
                inference[key] = deepcopy(config[key])
                waiting.append(key)


def _laid_over(own: Any, given: Any) -> Any:
    """``given`` in place of ``own``; only its entries, where it names no component of its own."""
    if isinstance(own, dict) and isinstance(given, dict) and "_target_" not in given:
        return own | {key: _laid_over(own.get(key), value) for key, value in given.items()}
    return deepcopy(given)
