"""Phantoms as files for people: NIfTI in ImageCAS's layout, with the truth as JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bundle.common.files import replacing, write_text
from bundle.common.nifti import write_nifti

from .parallel import run_all
from .phantom import GENERATOR, Phantom, make_phantom

__all__ = ["write_case", "write_imagecas"]


def write_imagecas(
    seeds: Iterable[int],
    folder: str | Path,
    *,
    shape: tuple[int, int, int] | None = None,
    processes: int | None = None,
    split: tuple[float, float] = (0.7, 0.05),
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
        split: parts for training and validation; the rest is for testing. Each part gets at least one case
            where there are three or more.

    Returns:
        `{"image", "label", "truth"}` a case.
    """
    folder = Path(folder)
    jobs, cases = [], []
    for number, seed in enumerate(seeds, start=1):
        first = (number - 1) // 200 * 200 + 1
        part = folder / f"{first}-{first + 199}"
        case = {
            key: part / f"{number}.{end}"
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
