"""Cases as files in ImageCAS's layout, those that are missing drawn by several processes."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["write_missing"]

ENDS = {"image": "img.nii.gz", "label": "label.nii.gz", "tissue": "tissue.nii.gz", "truth": "truth.json"}
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def write_missing(
    write: Callable[[int, dict[str, Path]], None],
    seeds: Iterable[int],
    folder: str | Path,
    wanted: Callable[[int], dict],
    processes: int | None = None,
) -> list[dict[str, str]]:
    """Call `write(seed, paths)` for every case that is not there, numbered from 1 in the order of `seeds`.

    A case is `1-200/<N>.img.nii.gz`, `.label.nii.gz`, `.tissue.nii.gz` and `.truth.json`, written last.

    Args:
        write: can be pickled.
        wanted: what a seed's truth file has under "parameters" if the case is this one.
        processes: None takes every core.

    Returns:
        the paths of each case by name.
    """
    cases, jobs = [], []
    for number, seed in enumerate(seeds, 1):
        first = (number - 1) // 200 * 200 + 1
        home = Path(folder) / f"{first}-{first + 199}"
        home.mkdir(parents=True, exist_ok=True)
        paths = {key: home / f"{number}.{end}" for key, end in ENDS.items()}
        cases.append({key: str(path) for key, path in paths.items()})
        if not all(path.exists() for path in paths.values()) or not _is(paths["truth"], wanted(seed)):
            jobs.append((seed, paths))
    processes = min(processes or os.cpu_count() or 1, len(jobs))
    if processes < 2:
        for job in jobs:
            write(*job)
        return cases
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # read when a worker imports NumPy
    try:
        with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
            pool.starmap(write, jobs, chunksize=1)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    return cases


def _is(truth: Path, wanted: dict) -> bool:
    try:
        found = json.loads(truth.read_text())["parameters"]
    except (OSError, ValueError, KeyError):
        return False
    return all(found.get(key) == value for key, value in wanted.items())
