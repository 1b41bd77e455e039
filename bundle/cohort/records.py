"""Which cases of an output folder are finished: by what went into them, not by their name alone."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bundle
from bundle.common.config_in_use import config_names, settings_digest
from bundle.common.files import UNFINISHED, sha256_of
from bundle.common.parsing import parse_bool
from bundle.data.readers import files_of
from bundle.geometry.case import SUFFIXES
from bundle.report import page_name

__all__ = ["CaseRecords", "clear_case", "names_of_case"]

logger = logging.getLogger(__name__)
_BESIDE = (
    "seg.nii.gz", "prob.nii.gz", "seg.nii", "prob.nii", "entropy.nii.gz", "mutual_information.nii.gz",
    "seg.dcm", "sr.dcm", "mesh.dcm",
)  # fmt: skip
# Keys of the config that say how a case is made.
SETTINGS = ("network_def", "amp", "preprocessing", "inferer", "ensemble", "postprocessing", "geometry")
_CHANGED = {
    "scan_sha256": "its scan changed",
    "weights_sha256": "the weights changed",
    "settings_sha256": "the settings changed",
    "bundle": "the bundle has another version",
    "runtime": "another runtime made it",
}
_AT_ONCE = 16  # reports that are read: from object storage each takes longer to come than to be read
_ABSENT = {"runtime": "torch"}  # what a record without the key was made with


def _differing(record: Mapping[str, Any], own: Mapping[str, str]) -> list[str]:
    """Keys of `own`, in the order of `_CHANGED`, that the record has otherwise."""
    return [key for key in _CHANGED if key in own and record.get(key, _ABSENT.get(key)) != own[key]]


class CaseRecords:
    """Keeps, in each ``<output_dir>/<case>/<case>.json``, what the case was made of, and asks for it again.

    The JSON is written after every other file of its case, and removed before the first of them is replaced:
    where it stands, the case is whole. Its ``record`` holds the SHA-256 of the scan's bytes, of the weights'
    and of the settings, the bundle's version, what ran the network, the names of the configs and the size in
    bytes of every file. The names of the configs are told, not compared.

    Args:
        output_dir: folder of the results.
        ckpt_path: the weights.
        redo: make every case again, also the finished ones; a bool or a word such as "true".
        settings: a digest of all other settings that can change a result; None takes it from the config that
            is being run (`SETTINGS` and all that these refer to).
        runtime: that runs the network (`bundle.networks.runtime_of`).
        configs: the names of the configs; None takes those of the run (`config_names`).
    """

    def __init__(
        self,
        output_dir: str | os.PathLike,
        ckpt_path: str | os.PathLike,
        redo: Any = False,
        settings: str | None = None,
        runtime: str = "torch",
        configs: Sequence[str] | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.ckpt_path = Path(ckpt_path)
        self.settings = settings_digest(*SETTINGS) if settings is None else settings
        self.redo, self.runtime = parse_bool(redo, "redo"), runtime
        self.configs = config_names() if configs is None else list(configs)
        self._weights: str | None = None
        self._begun: dict[str, dict[str, str]] = {}

    def announce(self, cases: Iterable[str]) -> None:
        """Log, before the first case begins, the lines of `replacing`."""
        for line in self.replacing(cases):
            logger.warning("%s", line)

    def replacing(self, cases: Iterable[str]) -> list[str]:
        """A line for each reason for which finished cases will be made again.

        Of what makes all cases anew: other weights, settings, version or runtime. A scan that changed is told
        with its case.
        """
        if self.redo:
            return []
        try:
            own, changed = self._run(), Counter()
        except OSError:  # of the weights; each case will say why
            return []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            records = [(report or {}).get("record") for report in pool.map(self._read, cases)]
        for record in (record for record in records if isinstance(record, dict)):
            why = self._changed(record, own)
            if why is not None:
                changed[why] += 1
        are = {
            why: "1 finished case is" if n == 1 else f"{n} finished cases are" for why, n in changed.items()
        }
        there = "made again, in place of what is there"
        return [f"{who} {there}: {why}; another output folder keeps both" for why, who in are.items()]

    def _changed(self, record: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
        """What makes every case anew, of one with this record; None where nothing does."""
        changed = _differing(record, own)
        if not changed:
            return None
        before = record.get("configs") or []
        gone = [name for name in before if name not in self.configs]
        come = [name for name in self.configs if name not in before]
        if before and self.configs and (gone or come):
            parts = [f"made with {' and '.join(gone)}"] if gone else []
            parts += [f"now asked for with {' and '.join(come)}"] if come else []
            return ", ".join(parts)
        return " and ".join(_CHANGED[key] for key in changed)

    def kept(self, case: str, image: str | os.PathLike) -> dict[str, Any] | None:
        """The report of a case that is finished and whole. Otherwise None, and the case begins anew.

        Then what an earlier run left under the case's name goes: where this one fails, nothing of another
        scan or of other settings may pass for its result.

        Raises:
            OSError: an earlier file cannot be removed.
        """
        try:
            fingerprint = self._fingerprint(image)
        except OSError:  # loading it will say why
            self._clear(case)
            return None
        report = self._read(case)
        if report is not None and not self.redo:
            why = self._why_not(case, report.get("record"), fingerprint)
            if why is None:
                return report
            logger.info("case '%s' is made again: %s", case, why)
        self._clear(case)
        self._begun[case] = fingerprint
        return None

    def stamp(self, case: str, names: Iterable[str]) -> dict[str, Any]:
        """The ``record`` of a case whose files, by name, have all been written."""
        sizes = {name: (self.output_dir / case / name).stat().st_size for name in sorted(names)}
        return {**self._begun[case], "configs": self.configs, "file_bytes": sizes}

    def _fingerprint(self, image: str | os.PathLike) -> dict[str, str]:
        return {"scan_sha256": sha256_of(files_of(image)), **self._run()}

    def _run(self) -> dict[str, str]:
        """What goes into every case of the run."""
        if self._weights is None:
            self._weights = sha256_of([self.ckpt_path])
        return {
            "weights_sha256": self._weights,
            "settings_sha256": self.settings,
            "bundle": bundle.__version__,
            "runtime": self.runtime,
        }

    def _read(self, case: str) -> dict[str, Any] | None:
        try:
            report = json.loads((self.output_dir / case / f"{case}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return report if isinstance(report, dict) else None

    def _why_not(self, case: str, record: Any, fingerprint: dict[str, str]) -> str | None:
        """None where the case stands as it should."""
        if not isinstance(record, dict) or not isinstance(record.get("file_bytes"), dict):
            return "it has no record"
        changed = _differing(record, fingerprint)
        if changed:
            return _CHANGED[changed[0]]
        sizes = self._sizes(case, record["file_bytes"])
        for name, size in record["file_bytes"].items():
            if sizes.get(name) != size:
                return f"{name} is missing or has another size"
        return None

    def _sizes(self, case: str, names: Iterable[str]) -> dict[str, int]:
        """Bytes of those files of a case that are there."""
        paths = {name: self.output_dir / case / name for name in names}
        return {name: path.stat().st_size for name, path in paths.items() if path.is_file()}

    def _clear(self, case: str) -> None:
        clear_case(self.output_dir, case)


def names_of_case(case: str) -> list[str]:
    """The names that files of a case can have; its report first, without which it is not finished."""
    return [f"{case}.json", *(f"{case}_{suffix}" for suffix in (*_BESIDE, *SUFFIXES)), page_name(case)]


def clear_case(output_dir: str | os.PathLike, case: str) -> None:
    """Remove the files that a run left of a case; what a person put beside them stays."""
    folder = Path(output_dir) / case
    if not folder.is_dir():
        return
    for name in names_of_case(case):
        (folder / name).unlink(missing_ok=True)
    for unfinished in folder.glob(f"{UNFINISHED}*"):
        unfinished.unlink()  # a kill came while it was being written
    if not any(folder.iterdir()):
        folder.rmdir()
