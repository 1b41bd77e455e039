"""Phantoms as arrays for training: small, many, kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bundle.common.files import replacing

from .parallel import run_all
from .phantom import GENERATOR, SMALL, make_phantom

__all__ = ["make_pool"]


def make_pool(count: int, first_seed: int, folder: str | Path, processes: int | None = None) -> list[Path]:
    """Small-form phantoms of seeds first_seed, first_seed + 1, ... as `<seed>.npz` in `folder`.

    Each file holds `image` int16 HU (128, 128, 64), `label` uint8, the volume fraction of lumen in 255ths
    (`Phantom.lumen_fraction`), and `affine` (4, 4); the axes are R, A, S. Files of this generator are kept,
    so a killed run goes on where it was.

    Returns:
        The paths in the order of their seeds.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(first_seed, first_seed + count)
    paths = [folder / f"{seed}.npz" for seed in seeds]
    jobs = [(seed, path) for seed, path in zip(seeds, paths) if not _is_current(path)]
    for _ in run_all(_pool_case, jobs, processes, "phantoms"):
        pass
    return paths


def _is_current(path: Path) -> bool:
    try:
        with np.load(path) as arrays:
            return int(arrays["generator"]) == GENERATOR
    except (OSError, KeyError, ValueError):
        return False


def _pool_case(job) -> None:
    seed, path = job
    phantom = make_phantom(seed, SMALL, orientation="RAS")
    with replacing(path) as part, open(part, "wb") as stream:
        arrays = {"image": phantom.image, "label": phantom.lumen_fraction, "affine": phantom.affine}
        np.savez(stream, generator=GENERATOR, **arrays)
