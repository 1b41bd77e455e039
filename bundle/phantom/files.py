"""Phantoms as files: NIfTI in ImageCAS's layout with the truth as JSON, for people; arrays, for training."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bundle.common.files import replacing, write_text
from bundle.common.nifti import write_nifti

from .phantom import GENERATOR, SMALL, Phantom, make_phantom

__all__ = ["make_pool", "write_case", "write_imagecas"]

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def write_imagecas(
    seeds: Iterable[int],
    folder: str | Path,
    *,
    shape: tuple[int, int, int] | None = None,
    processes: int | None = None,
) -> list[dict]:
    """Phantoms in ImageCAS's layout with its split file, numbered from 1 in the order of `seeds`.

        write_imagecas(range(20), "data/phantoms", shape=SMALL)  # then find_cases("data/phantoms")

    Writes `<range>/<N>.img.nii.gz`, `<N>.label.nii.gz`, `<N>.truth.json` (tree, lesions, parameters) and
    `imageCAS_data_split.xlsx`. Complete cases of this generator are kept, so a killed run goes on where it
    was.

    Args:
        seeds: one a case.
        folder: made if it does not exist.
        shape: as for `make_phantom`.
        processes: worker processes; None takes every core.

    Returns:
        `{"image", "label", "truth"}` a case.
    """
    folder = Path(folder)
    ends = {"image": "img.nii.gz", "label": "label.nii.gz", "truth": "truth.json"}
    jobs, cases = [], []
    for number, seed in enumerate(seeds, start=1):
        first = (number - 1) // 200 * 200 + 1
        case = {key: folder / f"{first}-{first + 199}" / f"{number}.{end}" for key, end in ends.items()}
        cases.append(case)
        complete = all(path.exists() for path in case.values())
        if not complete or _drawn_from(case["truth"]) != (GENERATOR, seed):
            jobs.append((seed, shape, case))
    _run_all(_imagecas_case, jobs, processes)
    _write_split(folder / "imageCAS_data_split.xlsx", len(cases))
    return [{key: str(path) for key, path in case.items()} for case in cases]


def _drawn_from(truth: Path) -> tuple[int, int] | None:
    """(generator, seed) of a case on disk."""
    try:
        drawn = json.loads(truth.read_text())["parameters"]
        return drawn["generator"], drawn["seed"]
    except (ValueError, KeyError, OSError):
        return None


def _imagecas_case(job) -> None:
    seed, shape, case = job
    write_case(make_phantom(seed, shape), case["image"], case["label"], case["truth"])


def write_case(phantom: Phantom, image: Path, label: Path, truth: Path) -> None:
    """Write one case; each file appears whole or not at all, the truth last."""
    for array, path in ((phantom.image, image), (phantom.label, label)):
        write_nifti(path, array, phantom.affine)
    text = {"space": "RAS", "unit": "mm", **phantom.tree, "parameters": phantom.parameters}
    write_text(truth, json.dumps(text, default=_plain))


def _plain(value):
    if isinstance(value, np.ndarray):
        return np.round(value.astype(float), 4).tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value)} has no place in a truth file")


def _write_split(path: Path, count: int) -> None:
    """ImageCAS's split file: a title, a header, then a row a case with four splits.

    Each part gets at least one case where there are three or more.
    """
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["ImageCAS data split"])
    sheet.append(["FileName", "Split-1", "Split-2", "Split-3", "Split-4"])
    training, validation = round(0.7 * count), round(0.05 * count)
    if count >= 3:
        validation = max(validation, 1)
        training = min(max(training, 1), count - validation - 1)
    parts = ["Training"] * training + ["Val"] * validation + ["Testing"] * (count - training - validation)
    for number in range(count):
        sheet.append([number + 1, *(parts[(number + k * count // 4) % count] for k in range(4))])
    with replacing(path) as part:
        book.save(part)


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
    paths = {seed: folder / f"{seed}.npz" for seed in range(first_seed, first_seed + count)}
    jobs = [(seed, path) for seed, path in paths.items() if not _is_current(path)]
    _run_all(_pool_case, jobs, processes)
    return list(paths.values())


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


def _run_all(function, jobs: list, processes: int | None) -> None:
    """Run `function` on every job in fresh single-threaded processes, with a progress bar."""
    from tqdm import tqdm

    processes = min(processes or os.cpu_count() or 1, max(len(jobs), 1))
    if processes == 1:
        for job in tqdm(jobs, desc="phantoms", disable=not jobs):
            function(job)
        return
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # read by NumPy when a worker starts
    try:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            list(tqdm(pool.imap_unordered(function, jobs), total=len(jobs), desc="phantoms"))
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
