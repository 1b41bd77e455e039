"""The processes of Ray's workers below a program."""

from __future__ import annotations

from pathlib import Path


def case_workers(program: int) -> list[int]:
    """Process numbers of the workers that are at work, of a cluster that ``program`` started."""
    parents, workers = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # "123 (a name) S 122 ...": the name may hold blanks and brackets
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            name = (folder / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if name.startswith(b"ray::CaseWorker.run"):
            workers.append(int(folder.name))
    return [worker for worker in workers if program in _above(worker, parents)]


def _above(process: int, parents: dict[int, int]) -> set[int]:
    found = set()
    while process in parents and process not in found:
        found.add(process)
        process = parents[process]
    return found
