"""Write synthetic coronary CT angiograms in ImageCAS's layout.

python scripts/make_phantoms.py --count 20 --out data/phantoms          # scanner's matrix, about 12 s a case
python scripts/make_phantoms.py --count 200 --small --out data/small    # 128 x 128 x 64, about 1 s a case
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.phantom import SMALL, write_imagecas


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default="data/phantoms", help="folder to write into (default: %(default)s)")
    parser.add_argument("--count", type=int, default=20, help="cases (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, help="seed of case 1 (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=None, help="worker processes (default: every core)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help="128 x 128 x 64 over the same field of view")
    size.add_argument("--shape", type=int, nargs=3, metavar=("X", "Y", "Z"), help="any other matrix")
    arguments = parser.parse_args()
    if arguments.count < 1 or arguments.first_seed < 0:
        parser.error("--count must be at least 1 and --first-seed at least 0")
    shape = SMALL if arguments.small else tuple(arguments.shape) if arguments.shape else None
    if shape and min(shape) < 16:
        parser.error("--shape needs at least 16 voxels along every axis")
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.count)
    cases = write_imagecas(seeds, arguments.out, shape=shape, processes=arguments.processes)
    print(f"{len(cases)} cases and their split are in {arguments.out}")


if __name__ == "__main__":
    main()
