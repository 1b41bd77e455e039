"""The Medical Segmentation Decathlon's ``dataset.json`` (Antonelli et al., Nat. Commun. 13, 2022)."""

from __future__ import annotations

import json
from pathlib import Path

from bundle.common.errors import InputError
from bundle.common.filenames import case_name

from .case_index import CaseIndex

__all__ = ["read_decathlon"]

_PART_OF = {"training": "train", "validation": "validation", "test": "test"}


def read_decathlon(root: Path, files: list[Path]) -> CaseIndex | None:
    """The cases of ``dataset.json`` in ``root``, or None where there is no such file with a training list.

    Its "test" and "validation" lists name images without labels as a rule: those serve inference only, and
    the part they would have been is drawn from the training list.
    """
    path = root / "dataset.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"'{path}' is not JSON that can be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("training"), list):
        return None
    index = CaseIndex("Decathlon")
    parts: dict[str, str] = {}
    for key, part in _PART_OF.items():
        for entry in content.get(key) or []:
            image, label = _paths(path, key, entry)
            case = case_name(image)
            index.add_image(case, image)
            if label is not None:
                index.add_label(case, label)
            if label is not None or part == "train":
                parts[case] = part
    index.assign = lambda split: parts
    return index


def _paths(path: Path, key: str, entry: object) -> tuple[Path, Path | None]:
    """The image and the label (None where it has none) of one entry; both must be on disk."""
    if isinstance(entry, str):
        entry = {"image": entry}
    image = entry.get("image") if isinstance(entry, dict) else None
    if not isinstance(image, str):
        raise InputError(f"'{path}': an entry of '{key}' names no single image file: {entry}")
    label = entry.get("label")
    for name in filter(None, (image, label)):
        if not (path.parent / name).is_file():
            raise InputError(f"'{path}' names '{name}' in '{key}', which is not on disk")
    return path.parent / image, path.parent / label if label else None
