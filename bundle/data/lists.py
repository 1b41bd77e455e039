"""Data sets that a program gives as a list, as MONAI Label and federated clients do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from bundle.common.errors import InputError
from bundle.common.filenames import case_name

from .datasets import same_name

__all__ = ["as_cases"]


def as_cases(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The items, each with its case name: the one that it has, or that of its image's file.

        as_cases([{"image": "1-200/3.img.nii.gz"}])  # [{"image": "1-200/3.img.nii.gz", "case": "3"}]

    Args:
        items: as MONAI's datasets take them; everything in them is kept.

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
