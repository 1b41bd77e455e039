"""What a page may tell of a report: no folders of the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath, PureWindowsPath
from typing import Any

from bundle.common.files import plain_values

__all__ = ["told", "without_folders"]

_ROOT = r"(?:[A-Za-z]:[\\/]|\.{0,2}/)"
_QUOTED = re.compile(rf"(['\"]){_ROOT}(?:[^'\"\n]*[\\/])?([^'\"\\/\n]+)\1")
_BARE = re.compile(rf"(?<![\w.:/<]){_ROOT}(?:[^\s'\"/\\<>]+[\\/])+(?=[^\s'\"/\\])")


def without_folders(text: str) -> str:
    """A sentence whose paths are names of files.

    Example:
        >>> without_folders("'/data/scans/7.nii.gz' is empty (0 bytes)")
        "'7.nii.gz' is empty (0 bytes)"
    """
    return _BARE.sub("", _QUOTED.sub(r"\1\2\1", text))


def file_name(path: str) -> str:
    return PureWindowsPath(PurePath(path).name).name


def told(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a case as its page holds it: of weights and mask the names, no sizes of files.

    NaN and infinity become None, as in the JSON.
    """
    kept = dict(report)
    kept["warnings"] = [without_folders(line) for line in report.get("warnings", ())]
    if isinstance(report.get("reason"), str):
        kept["reason"] = without_folders(report["reason"])
    if "provenance" in report:
        paths = report["provenance"]
        kept["provenance"] = {k: file_name(str(v)) if v is not None else None for k, v in paths.items()}
    if "source" in report:
        kept["source"] = file_name(str(report["source"]))
    if "record" in report:
        kept["record"] = {k: v for k, v in report["record"].items() if k != "file_bytes"}
    if "scan" in report:
        scan = {k: v for k, v in report["scan"].items() if k != "warnings"}  # they stand among the others
        kept["scan"] = scan
    return plain_values(kept)
