"""How long phantoms take: the small form on one core, the scanner's matrix on two, and writing to disk.

python scripts/benchmark_phantoms.py
"""

from __future__ import annotations

import os

# One BLAS thread: the small form is made one a core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.phantom import SMALL, make_phantom, write_case

SMALL_SEEDS = range(9_000_000, 9_000_010)
FULL = (512, 512, 275)


def main() -> None:
    make_phantom(0, SMALL)  # imports
    wall, cpu = [], []
    for seed in SMALL_SEEDS:
        start = time.perf_counter(), time.process_time()
        make_phantom(seed, SMALL)
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    middle = len(wall) // 2
    wall_s, cpu_s = sorted(wall)[middle], sorted(cpu)[middle]
    print(f"{SMALL}: median {wall_s:.2f} s wall, {cpu_s:.2f} s CPU, {len(wall)} cases")
    start = time.perf_counter()
    phantom = make_phantom(9_000_100, FULL, workers=2)
    made = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        write_case(phantom, *(Path(folder) / name for name in ("img.nii.gz", "label.nii.gz", "truth.json")))
        written = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{FULL}: {made:.1f} s on two threads, {written:.1f} s to write, {peak:.1f} GiB at most")


if __name__ == "__main__":
    main()
