"""The config that is being run, for expressions inside it: MONAI gives them no name for it."""

from __future__ import annotations

import hashlib
import inspect
import json
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.reference_resolver import ReferenceResolver

__all__ = ["config_in_use", "settings_digest"]

# Where things lie and what they run on, not what is computed.
_PLACES = ("bundle_root", "dataset_dir", "output_dir", "ckpt_path", "device", "records")


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


def settings_digest(*keys: str) -> str:
    """SHA-256 of what the config in use says under ``keys`` and under all that these refer to.

    The folders, the weights' path and the device are left out: what a result depends on is hashed elsewhere
    by its content.
    """
    config = config_in_use()
    if config is None:
        raise ValueError("settings_digest serves an expression of a config; there is none here")
    found: dict[str, Any] = {}
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        top = key.split("::")[0]
        if top in found or top in _PLACES:
            continue
        found[top] = config[top]
        waiting += _references(config[top])
    text = json.dumps(found, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [r for entry in value.values() for r in _references(entry)]
    if isinstance(value, (list, tuple)):
        return [r for entry in value for r in _references(entry)]
    return list(ReferenceResolver.match_refs_pattern(value)) if isinstance(value, str) else []
