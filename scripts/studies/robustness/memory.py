"""Memory over many scans: it must stay flat.

    python scripts/study.py robustness memory --cases 30

The cases are small, so that what is left behind by each stands out from what one case needs.
"""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from ignite.engine import Events

from ..common import RESULTS, Out, table, write_results
from .trial_cases import inference, write_tube

FIRST = 5
"""Cases that fill caches: of matrices, of fonts, of the allocator."""


def resident_mib() -> float:
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(
    cases: Annotated[int, typer.Option(min=FIRST + 3)] = 30, size: int = 128, out: Out = RESULTS
) -> None:
    """Run an inference over scans of `size` x `size` x `size / 2` voxels, and read the memory after each."""
    shape = (size, size, size // 2)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for number in range(cases):
            write_tube(home / "data" / f"c{number}.nii.gz", shape, seed=number)
        run = inference(home, home / "eval", shape)
        held: list[float] = []
        evaluator = run.parser.get_parsed_content("evaluator")
        evaluator.add_event_handler(Events.ITERATION_COMPLETED, lambda: held.append(resident_mib()))
        run.run()
    late = held[FIRST:]
    third = max(1, len(late) // 3)
    figures = {
        "cases": len(held),
        "first, MiB": round(held[0]),
        f"mean of the early third after {FIRST}": round(float(np.mean(late[:third]))),
        "mean of the last third": round(float(np.mean(late[-third:]))),
        "most": round(max(held)),
        "slope, MiB a case": round(float(np.polyfit(np.arange(len(late)), late, 1)[0]), 2),
    }
    rows = [{"case": number, "held_mib": mib} for number, mib in enumerate(held, 1)]
    write_results(out, "robustness memory", table([figures], tuple(figures)), rows, ("case", "held_mib"))
