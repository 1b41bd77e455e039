"""A folder on disk becomes train, validation and test lists, or a list of images; a given list gets names."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle.common.errors import InputError
from bundle.common.filenames import SUFFIXES, case_name, natural_key, split_suffix

from .datasets import LABELLED_LAYOUTS, PARTS, CaseIndex, first_few, recognise, refuse_dicom, same_name
from .splits import draw_split

__all__ = ["as_cases", "find_cases", "find_images", "part_of"]


def find_cases(
    dataset_dir: str | Path,
    split: str = "Split-1",
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> dict[str, list[dict[str, str]]]:
    """Train, validation and test lists of the labelled cases in a folder.

        find_cases("ImageCAS", split="Split-2")["train"][0]
        # {"image": "ImageCAS/1-200/1.img.nii.gz", "label": "ImageCAS/1-200/1.label.nii.gz", "case": "1"}

    The layout is recognised: ImageCAS (both forms), ASOCA, Decathlon ``dataset.json``, plain pairs. The
    split is the data set's own where it has one (ImageCAS's .xlsx, Decathlon's labelled lists, folders
    called train, validation, test). A validation or test part that Decathlon or pairs lack is drawn from
    their training cases; one that ImageCAS's split file lacks stays empty, with a warning. No case is in
    two parts.

    Args:
        dataset_dir: the folder.
        split: the column of ImageCAS's split file.
        val_fraction: of the cases, for validation, where the data set assigns none.
        test_fraction: of the cases, for test, where the data set assigns none.
        seed: of the drawn split.

    Returns:
        {"train": [...], "validation": [...], "test": [...]}, each in natural order of the cases' names.

    Raises:
        InputError: no such folder, an empty or unknown one, images without labels or labels without images,
            two cases of one name, a split that cannot be read or honoured.
    """
    root = Path(dataset_dir).expanduser()
    index = recognise(root, labelled=True)
    if not index.labels:
        raise InputError(
            f"'{root}' has {len(index.images)} images but no labels, which training and evaluation need: "
            f"looked for {LABELLED_LAYOUTS}"
        )
    assigned = index.assign(split)
    cases = assigned or dict.fromkeys({**index.images, **index.labels})
    _check_pairs(root, index, list(cases))
    parts = _complete(root, index, assigned, val_fraction, test_fraction, seed)
    lists: dict[str, list[dict[str, str]]] = {part: [] for part in PARTS}
    for case in sorted(parts, key=natural_key):
        item = {"image": index.images[case], "label": index.labels[case][0], "case": case}
        lists[parts[case]].append(item)
    _check_leaks(lists)
    return lists


def part_of(cases: dict[str, list[dict[str, str]]], part: str) -> list[dict[str, str]]:
    """One of the lists of `find_cases`, or with "all" every case: for a data set that is held out whole.

    Raises:
        InputError: another word.
    """
    if part == "all":
        return [item for items in cases.values() for item in items]
    if part not in cases:
        raise InputError(f"part is {part!r}: it must be test, validation, train or all")
    return cases[part]


def find_images(dataset_dir: str | Path | Sequence[str | Path]) -> list[dict[str, str]]:
    """The images to run inference on: one file, a folder of images, or a data set that `find_cases` knows.

        find_images("scans")  # [{"image": "scans/a.nii.gz", "case": "a"}, ...]

    In natural order of the names; of several paths those of the first come first, and an image that is
    given twice counts once. Labels, and 8-bit masks of other structures, are never taken for images.

    Args:
        dataset_dir: a path, or a list of paths.

    Raises:
        InputError: no such file or folder, no image in it, or two images of one name.
    """
    if isinstance(dataset_dir, (list, tuple)):
        items = as_cases(item for path in dataset_dir for item in _images_of(path))
        return list({item["case"]: item for item in items}.values())
    return _images_of(dataset_dir)


def _images_of(dataset_dir: str | Path) -> list[dict[str, str]]:
    path = Path(dataset_dir).expanduser()
    if path.is_file():
        if not split_suffix(path)[1]:
            refuse_dicom(path, [path])
            endings = ", ".join(SUFFIXES)
            raise InputError(f"'{path}' is not an image file: expected DICOM or one that ends in {endings}")
        return [{"image": str(path), "case": case_name(path)}]
    index = recognise(path, labelled=False)
    return [{"image": index.images[c], "case": c} for c in sorted(index.images, key=natural_key)]


def as_cases(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items of a list from a program, each with its case name: the one that it has, or its image file's.

        as_cases([{"image": "1-200/3.img.nii.gz"}])  # [{"image": "1-200/3.img.nii.gz", "case": "3"}]

    The items are as MONAI's datasets take them; everything in them is kept.

    Raises:
        InputError: an item without one image file, or two images of one name (the same image may come again).
    """
    cases: list[dict[str, Any]] = []
    images: dict[str, Any] = {}
    for item in items:
        image = item.get("image") if isinstance(item, Mapping) else None
        if not isinstance(image, (str, os.PathLike)):
            raise InputError(
                f'an item of the data set names no image file: {item}; expected {{"image": path}}'
            )
        case = str(item.get("case") or case_name(image))
        if images.setdefault(case, image) != image:
            raise same_name(case, images[case], image)
        cases.append({**item, "case": case})
    return cases


def _check_pairs(root: Path, index: CaseIndex, cases: list[str]) -> None:
    for have, lack, noun in ((index.images, index.labels, "label"), (index.labels, index.images, "image")):
        alone = sorted((c for c in cases if c in have and c not in lack), key=natural_key)
        if alone:
            raise InputError(
                f"{len(alone)} of {len(cases)} cases in '{root}' ({index.layout}) have no {noun}: "
                f"{first_few([_first(have[c]) for c in alone])}; give each its {noun} or move it out"
            )
    for case in cases:
        if len(index.labels[case]) > 1:
            raise InputError(f"case '{case}' has two labels, {first_few(index.labels[case])}: keep one")


def _first(paths: str | list[str]) -> str:
    return paths if isinstance(paths, str) else paths[0]


def _complete(
    root: Path, index: CaseIndex, assigned: dict[str, str], val: float, test: float, seed: int
) -> dict[str, str]:
    """The data set's own parts, and those that it lacks drawn from its training cases."""
    if not assigned:
        return draw_split(index.images, val, test, seed, index.strata)
    empty = [part for part in PARTS if part not in assigned.values()]
    if index.complete or "train" in empty:
        if empty:
            warnings.warn(f"the split of '{root}' has no {' and no '.join(empty)} case on disk", stacklevel=3)
        return assigned
    training = [case for case, part in assigned.items() if part == "train"]
    val = val if "validation" in empty else 0.0
    test = test if "test" in empty else 0.0
    return {**assigned, **draw_split(training, val, test, seed)}


def _check_leaks(lists: dict[str, list[dict[str, str]]]) -> None:
    """One file under two names, through a link, must not be in two parts."""
    seen: dict[str, tuple[str, str]] = {}
    for part, items in lists.items():
        for item in items:
            other, first = seen.setdefault(os.path.realpath(item["image"]), (part, item["image"]))
            if other != part:
                raise InputError(
                    f"'{first}' ({other}) and '{item['image']}' ({part}) are the same file: remove one link"
                )
