"""Many phantoms at once, a process each."""

from __future__ import annotations

import multiprocessing
import os

__all__ = ["run_all"]

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_all(function, jobs: list, processes: int | None, title: str):
    """Run `function` on every job in fresh single-threaded processes, with a progress bar."""
    from tqdm import tqdm

    processes = min(processes or os.cpu_count() or 1, max(len(jobs), 1))
    if processes == 1:
        yield from tqdm(map(function, jobs), total=len(jobs), desc=title, disable=not jobs)
        return
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # read by NumPy when a worker starts
    try:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            yield from tqdm(pool.imap_unordered(function, jobs), total=len(jobs), desc=title)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
