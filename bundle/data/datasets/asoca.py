"""ASOCA: ``{Normal,Diseased}/{CTCA,Annotations}/Normal_1.nrrd`` (Gharleghi et al., CMIG 97, 2022)."""

from __future__ import annotations

from pathlib import Path

from bundle.common.filenames import case_name, split_suffix

from .case_index import CaseIndex

__all__ = ["read_asoca"]


def read_asoca(root: Path, files: list[Path]) -> CaseIndex | None:
    """The images and labels of an ASOCA folder, or None where the folder is none.

    ASOCA assigns no parts to its labelled cases: a split is drawn with Normal and Diseased in proportion.
    """
    index = CaseIndex("ASOCA")
    for file in files:
        if not split_suffix(file)[1] or len(file.parts) < 3:
            continue
        group, kind = (part.lower() for part in file.parts[-3:-1])
        if group not in ("normal", "diseased") or kind not in ("ctca", "annotations"):
            continue
        case = case_name(file)
        add = index.add_image if kind == "ctca" else index.add_label
        add(case, root / file)
        index.strata[case] = group
    return index if index.images else None
