"""Scans and results in object storage, through fsspec: ``s3://bucket/folder``, and whatever else it knows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bundle.cohort import CaseRecords, clear_case, names_of_case
from bundle.common.errors import InputError
from bundle.common.filenames import (
    SUFFIXES,
    case_name,
    file_role,
    is_duplicate,
    is_url,
    natural_key,
    split_suffix,
)
from bundle.common.scratch import ScratchFolder
from bundle.data import as_cases, find_images
from bundle.report import HEAD_BYTES

__all__ = ["CaseStore", "StoredRecords", "fetched", "list_scans"]

_AT_ONCE = 16  # requests: each takes longer to be answered than to be read


def _opened(url: str) -> tuple[Any, str]:
    """The file system of a URL and the path in it.

    Raises:
        InputError: no such kind of storage, or the package for it is missing.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        package = "s3fs" if str(url).startswith("s3") else str(error)
        raise InputError(f"'{url}' needs a package that is not installed; pip install {package}") from None
    except (ValueError, OSError) as error:
        raise InputError(f"'{url}' cannot be opened ({error}); give a path, or s3://BUCKET/FOLDER.") from None


def list_scans(dataset_dir: str | os.PathLike | Sequence[str | os.PathLike]) -> list[dict[str, str]]:
    """The scans to run on: as `bundle.data.find_images`, in object storage too.

    There every file below the URL counts whose name ends as that of a scan, and by its name is neither label
    nor probability map; the layouts of data sets are not looked for.

    Args:
        dataset_dir: a path or URL of a scan or folder, or a list of them.

    Raises:
        InputError: as `find_images`; a URL that cannot be read, or without a scan below it.
    """
    given = list(dataset_dir) if isinstance(dataset_dir, (list, tuple)) else [dataset_dir]
    if not any(map(is_url, given)):
        return find_images(dataset_dir)
    items = [item for one in given for item in (_listed(str(one)) if is_url(one) else find_images(one))]
    return list({item["case"]: item for item in as_cases(items)}.values())


def _listed(url: str) -> list[dict[str, str]]:
    system, root = _opened(url)
    try:
        paths = [root] if system.isfile(root) else system.find(root)
    except Exception as error:  # each storage has errors of its own
        raise InputError(f"'{url}' cannot be read ({type(error).__name__}: {error}).") from None
    folder = system._parent(root) if paths == [root] else root
    cases = {}
    for path in paths:
        below = os.path.relpath(path, folder)
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in Path(below).parts)
        if (
            not hidden
            and split_suffix(path)[1]
            and file_role(below) not in ("label", "map")
            and not is_duplicate(below)
        ):
            cases.setdefault(case_name(path), []).append(system.unstrip_protocol(path))
    if not cases:
        raise InputError(f"there is no scan below '{url}': expected files that end in {', '.join(SUFFIXES)}")
    images = [(case, image) for case in sorted(cases, key=natural_key) for image in cases[case]]
    return as_cases({"image": image, "case": case} for case, image in images)


@contextmanager
def fetched(image: str) -> Iterator[str]:
    """The path of a scan on this machine for as long as the block lasts.

    Raises:
        InputError: the scan lies in two files, of which a URL names one, or is not there.
    """
    if not is_url(image):
        yield image
        return
    if split_suffix(image)[1] in (".mhd", ".nhdr"):
        raise InputError(f"'{image}' has its voxels in another file; convert it to .mha, .nrrd or .nii.gz.")
    system, path = _opened(image)
    with ScratchFolder() as folder:
        local = os.path.join(folder, os.path.basename(path))
        try:
            system.get_file(path, local)
        except FileNotFoundError:
            raise InputError(f"'{image}' is not there any more.") from None
        yield local


class CaseStore:
    """The folder of results at a URL: a folder a case, its ``<case>.json`` the last file that is written.

    Args:
        url: of the folder.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.system, root = _opened(self.url)
        self.root = root.rstrip("/")

    def check(self) -> None:
        """Check that it can be written to.

        Raises:
            InputError: it cannot.
        """
        path = f"{self.root}/.coronary-{os.getpid()}"
        try:
            self.system.pipe_file(path, b"")
            self.system.rm_file(path)
        except Exception as error:  # each storage has errors of its own
            said = " ".join(str(error).split()) or "no reason given"
            raise InputError(
                f"output_dir '{self.url}' cannot be written to ({type(error).__name__}: {said}); "
                "give another one, or the keys to it."
            ) from None

    def read(self, case: str) -> dict[str, Any] | None:
        """The report of a case; None where there is none."""
        try:
            report = json.loads(self.system.cat_file(f"{self.root}/{case}/{case}.json"))
        except (FileNotFoundError, ValueError):
            return None
        return report if isinstance(report, dict) else None

    def sizes(self, case: str) -> dict[str, int]:
        """Bytes of the files of a case, by their names."""
        try:
            entries = self.system.ls(f"{self.root}/{case}", detail=True)
        except FileNotFoundError:
            return {}
        return {entry["name"].rpartition("/")[2]: entry["size"] for entry in entries}

    def clear(self, case: str) -> None:
        """Remove what a run left of a case, the report first; what a person put beside it stays."""
        present = self.sizes(case)
        for name in names_of_case(case):
            if name in present:
                self.system.rm_file(f"{self.root}/{case}/{name}")

    def upload(self, folder: Path, names: Iterable[str], below: str = "") -> None:
        """Copy files of a folder of this machine, one after the other."""
        for name in names:
            target = "/".join(filter(None, [self.root, below, name]))
            self.system.put_file(str(folder / name), target)

    def upload_case(self, folder: Path, case: str) -> None:
        """Copy all files of a case, its report the last."""
        names = sorted(path.name for path in (folder / case).iterdir())
        self.upload(folder / case, sorted(names, key=f"{case}.json".__eq__), case)

    def mirror(self, folder: Path) -> None:
        """Bring the reports and the beginnings of the pages of all cases, for the page of the cohort."""
        parts = [
            part
            for path in self.system.glob(f"{self.root}/*/*.json")
            for case in [path.split("/")[-2]]
            if path.endswith(f"/{case}/{case}.json")
            for part in ((f"{case}/{case}.json", None), (f"{case}/{case}.html", HEAD_BYTES))
        ]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            contents = pool.map(lambda part: self._head(f"{self.root}/{part[0]}", part[1]), parts)
            for (name, _), content in zip(parts, contents):
                if content is not None:
                    (folder / name).parent.mkdir(exist_ok=True)
                    (folder / name).write_bytes(content)

    def _head(self, path: str, end: int | None) -> bytes | None:
        try:
            return self.system.cat_file(path, start=None if end is None else 0, end=end)
        except FileNotFoundError:
            return None


class StoredRecords(CaseRecords):
    """`CaseRecords` of cases that are made in a folder of this machine, and then lie at a URL.

    Args:
        url: of the results.
    """

    def __init__(self, url: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.store = CaseStore(url)

    def _read(self, case: str) -> dict[str, Any] | None:
        return self.store.read(case)

    def _sizes(self, case: str, names: Iterable[str]) -> dict[str, int]:
        return self.store.sizes(case)

    def _clear(self, case: str) -> None:
        clear_case(self.output_dir, case)
        self.store.clear(case)
