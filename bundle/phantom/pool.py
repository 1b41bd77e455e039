"""Many phantoms at once: in ImageCAS's layout for people, or as arrays for training on a GPU machine."""

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

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_pool(count: int, first_seed: int, folder: str | Path, processes: int | None = None) -> list[Path]:
    """Small-form phantoms of seeds first_seed, first_seed + 1, ... as `<seed>.npz` in `folder`.

    Each file holds `image` int16 HU (128, 128, 64), `label` uint8, the share of lumen in 255ths
    (`Phantom.share`), and `affine` (4, 4); the axes are R, A, S. Files of this generator are kept, so a
    killed run goes on where it was.

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
        np.savez(stream, generator=GENERATOR, image=phantom.image, label=phantom.share, affine=phantom.affine)


def write_imagecas(
    seeds: Iterable[int],
    folder: str | Path,
    *,
    shape: tuple[int, int, int] | None = None,
    processes: int | None = None,
    split: tuple[float, float] = (0.7, 0.05),
) -> list[dict]:
    """Phantoms in ImageCAS's layout with its split file, numbered from 1 in the order of `seeds`.

    Writes `<range>/<N>.img.nii.gz`, `<N>.label.nii.gz`, `<N>.truth.json` (tree, lesions, parameters) and
    `imageCAS_data_split.xlsx`. Complete cases of this generator are kept, so a killed run goes on where it
    was.

    Args:
        seeds: one a case.
        folder: made if it does not exist.
        shape: as for `make_phantom`.
        processes: worker processes; None takes every core.
        split: parts for training and validation; the rest is for testing. Each part gets at least one case
            where there are three or more.

    Returns:
        `{"image", "label", "truth"}` a case.
    """
    folder = Path(folder)
    jobs, cases = [], []
    for number, seed in enumerate(seeds, start=1):
        first = (number - 1) // 200 * 200 + 1
        home = folder / f"{first}-{first + 199}"
        case = {
            key: home / f"{number}.{end}"
            for key, end in (("image", "img.nii.gz"), ("label", "label.nii.gz"), ("truth", "truth.json"))
        }
        cases.append(case)
        complete = all(path.exists() for path in case.values())
        if not complete or _drawn_from(case["truth"]) != (GENERATOR, seed):
            jobs.append((seed, shape, case))
    for _ in run_all(_imagecas_case, jobs, processes, "phantoms"):
        pass
    _write_split(folder / "imageCAS_data_split.xlsx", len(cases), split)
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


def _write_split(path: Path, count: int, split: tuple[float, float]) -> None:
    """ImageCAS's split file: a title, a header, then a row a case with four splits."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["ImageCAS data split"])
    sheet.append(["FileName", "Split-1", "Split-2", "Split-3", "Split-4"])
    training, validation = (round(part * count) for part in split)
    if count >= 3:
        validation = max(validation, 1)
        training = min(max(training, 1), count - validation - 1)
    parts = ["Training"] * training + ["Val"] * validation
    parts += ["Testing"] * (count - len(parts))
    for number in range(count):
        turned = [parts[(number + k * count // 4) % count] for k in range(4)]
        sheet.append([number + 1, *turned])
    with replacing(path) as part:
        book.save(part)


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
