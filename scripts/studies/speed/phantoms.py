"""How long phantoms take to draw and to write.

python scripts/study.py speed phantoms      # the small form on one core, the scanner's matrix on two
"""

import os

# One BLAS thread: the small form is made one a core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from bundle.phantom import SMALL, make_phantom, write_case

from ..common import RESULTS, Out, peak_gib, table, write_results

FIRST_SEED, FULL_SEED = 9_000_000, 9_000_100
FULL = (512, 512, 275)


def main(
    count: int = 10,
    small: Annotated[tuple[int, int, int], typer.Option(metavar="X Y Z")] = SMALL,
    full: Annotated[tuple[int, int, int], typer.Option(metavar="X Y Z")] = FULL,
    out: Out = RESULTS,
) -> None:
    """Make `count` small phantoms and a full one."""
    make_phantom(0, small)  # imports
    rows = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        start = time.perf_counter(), time.process_time()
        make_phantom(seed, small)
        spent = time.perf_counter() - start[0], time.process_time() - start[1]
        rows.append({"seed": seed, "voxels": "×".join(map(str, small)), "threads": 1, "seconds": spent[0],
                     "cpu_seconds": spent[1]})  # fmt: skip
    start = time.perf_counter()
    phantom = make_phantom(FULL_SEED, full, workers=2)
    made = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        write_case(phantom, *(Path(folder) / name for name in ("img.nii.gz", "label.nii.gz", "truth.json")))
        written = time.perf_counter() - start
    columns = {"voxels": "voxels", "threads": "threads", "seconds": "s a case",
               "cpu_seconds": "CPU s", "written_s": "s to write", "peak_gib": "peak GiB"}  # fmt: skip
    median = rows[0] | {key: statistics.median(r[key] for r in rows) for key in ("seconds", "cpu_seconds")}
    rows.append({"seed": FULL_SEED, "voxels": "×".join(map(str, full)), "threads": 2, "seconds": made,
                 "written_s": written, "peak_gib": peak_gib()})  # fmt: skip
    forms = dict.fromkeys(("seconds", "cpu_seconds", "written_s", "peak_gib"), ".2f")
    text = f"{table([median, rows[-1]], columns, **forms)}\n\nThe first row is the median of {count}."
    write_results(out, "speed phantoms", text, rows, ("seed", *columns))
